"""Packages: offered, bought, expired, refunded."""

from typing import Any

import pytest

from services.bookings import jobs
from tests.harness import Harness
from tests.services.bookings.people import a_student, a_tutor, clock, deactivated, in_days, next_id, rows, work
from tests.services.bookings.sales import FIVE, bought, offered


async def test_a_package_is_answered_as_the_reference_says(service: Harness) -> None:
    tutor = await a_tutor(service)

    package = await offered(tutor)

    expected = {
        "tutor_profile_id": tutor.id,
        "name": "5-Session Math Package",
        "session_count": 5,
        "price": 200.0,
        "price_per_session": 40.0,
        "is_active": True,
    }
    assert package.items() >= expected.items()


@pytest.mark.parametrize(
    "change",
    [{"session_count": 0}, {"session_count": 101}, {"price": 0}, {"price": 1.005}, {"duration_minutes": 61},
     {"validity_days": 0}, {"validity_days": 731}, {"name": " "}, {"name": None}],
)  # fmt: skip
async def test_a_package_is_within_its_limits(service: Harness, change: dict[str, Any]) -> None:
    tutor = await a_tutor(service)
    package = await offered(tutor)

    refused = [
        await tutor.client.post("/api/packages", json=FIVE | change),
        await tutor.client.patch(f"/api/packages/{package['id']}", json=change),
    ]

    assert [a.status_code for a in refused] == [422, 422]


async def test_yen_have_no_cents(service: Harness) -> None:
    tutor = await a_tutor(service, currency="JPY", hourly_rate=3000)

    refused = await tutor.client.post("/api/packages", json=FIVE | {"price": 9999.5})
    package = await offered(tutor, price=10000, session_count=3)

    assert (refused.status_code, refused.json()["code"]) == (422, "price_too_fine")
    assert (package["price_per_session"], package["currency"]) == (3333.0, "JPY")


async def test_a_purchase_has_credits_and_an_end_and_is_told(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    purchase = await bought(student, await offered(tutor))

    assert (purchase["credits_remaining"], purchase["status"], purchase["price"]) == (5, "active", 200.0)
    (event,) = await service.outbox("bookings.package.purchased.v1")
    assert event["data"]["purchase_id"] == purchase["id"]
    assert event["data"]["credits_remaining"] == 5
    assert [p["id"] for p in (await student.client.get("/api/packages/purchases")).json()] == [purchase["id"]]
    assert [p["id"] for p in (await tutor.client.get("/api/packages/purchases")).json()] == [purchase["id"]]


async def test_one_key_buys_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    path = f"/api/packages/{(await offered(tutor))['id']}/purchase"

    first, again = [await student.client.post(path, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert first.json() == again.json()
    assert len((await student.client.get("/api/packages/purchases")).json()) == 1


async def test_administrators_find_purchases_and_nobody_else_finds_others(service: Harness) -> None:
    tutor, student, other = await a_tutor(service), await a_student(service), await a_student(service)
    package = await offered(tutor)
    first, second = await bought(student, package), await bought(other, package)
    third = await bought(student, await offered(await a_tutor(service)))
    admin, path = service.person(next_id(), "admin"), "/api/packages/purchases"

    async def found(query: str) -> list[int]:
        return [p["id"] for p in (await admin.get(f"{path}{query}")).json()]

    assert await found("") == [third["id"], second["id"], first["id"]]
    assert await found(f"?student_id={student.user_id}") == [third["id"], first["id"]]
    assert await found(f"?student_id={student.user_id}&tutor_id={tutor.id}") == [first["id"]]
    refused = await tutor.client.get(f"{path}?student_id={student.user_id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_role")


async def test_an_edited_package_leaves_purchases_as_they_were_bought(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)

    edited = await tutor.client.patch(f"/api/packages/{package['id']}", json={"price": 300, "description": None})

    assert (edited.json()["price"], edited.json()["description"], edited.json()["name"]) == (300.0, None, FIVE["name"])
    assert (await student.client.get("/api/packages/purchases")).json()[0]["price"] == 200.0


async def test_a_withdrawn_package_cannot_be_bought_but_used(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)

    assert (await tutor.client.delete(f"/api/packages/{package['id']}")).status_code == 204

    assert (await student.client.post(f"/api/packages/{package['id']}/purchase")).status_code == 404
    assert (await student.client.get("/api/packages")).json() == []
    await student.books(tutor, in_days(3), use_package_id=package["id"])


async def test_packages_not_on_offer_are_seen_by_their_tutor_only(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    active, inactive = await offered(tutor), await offered(tutor, is_active=False)
    await offered(await a_tutor(service))
    path = f"/api/packages?tutor_id={tutor.id}"

    assert [p["id"] for p in (await student.client.get(path)).json()] == [active["id"]]
    assert [p["id"] for p in (await tutor.client.get(path)).json()] == [active["id"], inactive["id"]]
    assert (await student.client.post(f"/api/packages/{inactive['id']}/purchase")).status_code == 404
    await deactivated(service, tutor.user_id, "tutor")
    assert (await student.client.get(path)).json() == []


async def test_the_unused_part_of_a_purchase_is_paid_back(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    purchase = await bought(student, await offered(tutor, price=100, session_count=3))
    booking = await student.books(tutor, in_days(3), use_package_id=purchase["id"])
    path = f"/api/packages/purchases/{purchase['id']}/refund"

    refunded = (await service.person(next_id(), "admin").post(path)).json()
    again = await tutor.client.post(path)
    await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")

    assert (refunded["refund_amount"], refunded["credits_remaining"], refunded["status"]) == (66.67, 0, "refunded")
    assert again.status_code == 409
    # The lesson's own credit came back after the purchase was closed: as money, and all together not more than the price.
    assert await rows(service, "SELECT sum(amount) AS owed FROM ledger") == [{"owed": 0}]


async def test_no_more_than_the_price_is_paid_back_whatever_was_counted_before(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    purchase = await bought(student, await offered(tutor, price=100, session_count=3))
    async with service.database.transaction() as tx:
        await tx.run("UPDATE purchases SET credits_refunded = 1")

    refunded = (await tutor.client.post(f"/api/packages/purchases/{purchase['id']}/refund")).json()

    assert (refunded["refund_amount"], refunded["status"]) == (100, "refunded")


async def test_purchases_expire_once_and_are_told(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-100)):
        await bought(student, await offered(tutor))

    await work(service, jobs.expire_purchases, jobs.expire_purchases)

    (event,) = await service.outbox("bookings.package.changed.v1")
    assert (event["data"]["status"], event["data"]["version"]) == ("expired", 2)
    assert (await student.client.get("/api/packages/purchases")).json()[0]["status"] == "expired"
