"""Packages: offered, bought, used, expired, refunded."""

from datetime import timedelta
from typing import Any

import pytest

from services.bookings import jobs
from tests.harness import Harness
from tests.services.bookings.people import Student, Tutor, a_student, a_tutor, clock, deactivated, in_days, next_id, rows, work

FIVE: dict[str, Any] = {
    "name": "5-Session Math Package",
    "description": "5 one-hour sessions at discounted rate",
    "session_count": 5,
    "price": 200.00,
    "duration_minutes": 60,
    "validity_days": 90,
}


async def offered(tutor: Tutor, **changes: Any) -> dict[str, Any]:
    answer = await tutor.client.post("/api/packages", json=FIVE | changes)
    assert answer.status_code == 201, answer.text
    package: dict[str, Any] = answer.json()
    return package


async def bought(student: Student, package: dict[str, Any]) -> dict[str, Any]:
    answer = await student.client.post(f"/api/packages/{package['id']}/purchase")
    assert answer.status_code == 201, answer.text
    purchase: dict[str, Any] = answer.json()
    return purchase


async def credits(student: Student) -> int:
    purchases = (await student.client.get("/api/packages/purchases")).json()
    remaining: int = purchases[0]["credits_remaining"]
    return remaining


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


@pytest.mark.parametrize("by", ["package", "purchase"])
async def test_a_credit_pays_for_a_lesson(service: Harness, by: str) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    purchase = await bought(student, package)

    booking = await student.books(tutor, in_days(3), use_package_id=(package if by == "package" else purchase)["id"])

    assert (booking["price_student"], booking["purchase_id"]) == (0.0, purchase["id"])
    assert await credits(student) == 4
    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
    assert detail["package"]["credits_remaining"] == 4


async def test_without_a_fitting_credit_it_is_402(service: Harness) -> None:
    tutor, other, student, stranger = (
        await a_tutor(service),
        await a_tutor(service),
        await a_student(service),
        await a_student(service),
    )
    package = await offered(tutor)
    await bought(student, package)
    foreign = await bought(student, await offered(other))

    answers = [
        await stranger.asks(tutor, in_days(3), use_package_id=package["id"]),
        await student.asks(tutor, in_days(3), 90, use_package_id=package["id"]),
        await student.asks(tutor, in_days(3), use_package_id=foreign["id"]),
        await student.asks(tutor, in_days(3), use_package_id=999_999),
    ]
    with clock(service, in_days(89)):
        answers.append(await student.asks(tutor, in_days(92), use_package_id=package["id"]))
    with clock(service, in_days(91)):
        answers.append(await student.asks(tutor, in_days(92, 15), use_package_id=package["id"]))

    assert [a.status_code for a in answers] == [402, 402, 402, 402, 201, 402]
    assert {a.json().get("code") for a in answers} == {"insufficient_package_credits", None}


async def test_a_refused_booking_takes_no_credit(service: Harness) -> None:
    tutor, student, other = await a_tutor(service), await a_student(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)
    await other.books(tutor, in_days(3))

    answer = await student.asks(tutor, in_days(3), use_package_id=package["id"])

    assert answer.json()["code"] == "slot_taken"
    assert await credits(student) == 5


@pytest.mark.parametrize(("who", "hours_before", "left"), [("student", 25, 5), ("student", 23, 4), ("tutor", 1, 5)])
async def test_a_cancelled_lesson_gives_the_credit_back_as_it_would_money(
    service: Harness, who: str, hours_before: int, left: int
) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)
    booking = await student.books(tutor, in_days(3), use_package_id=package["id"])
    await tutor.confirms(booking["id"])

    with clock(service, in_days(3) - timedelta(hours=hours_before)):
        await (student if who == "student" else tutor).client.post(f"/api/bookings/{booking['id']}/cancel")

    assert await credits(student) == left


async def test_a_credit_that_comes_back_to_an_expired_purchase_can_still_be_used(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor, validity_days=2)
    await bought(student, package)
    booking = await student.books(tutor, in_days(5), use_package_id=package["id"])
    await tutor.confirms(booking["id"])

    with clock(service, in_days(4)):
        cancelled = (await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")).json()
        left = await credits(student)
        again = await student.books(tutor, in_days(26), use_package_id=package["id"])
        await tutor.confirms(again["id"])
        none_left = await student.asks(tutor, in_days(7), use_package_id=package["id"])
    with clock(service, in_days(20)):  # the two weeks of grace are over
        await tutor.client.post(f"/api/bookings/{again['id']}/cancel")
        lost = await student.asks(tutor, in_days(23), use_package_id=package["id"])

    assert (cancelled["refund_amount"], cancelled["credit_returned"]) == (0.0, True)
    assert left == 1  # not the four that had been left unused
    assert [none_left.status_code, lost.status_code] == [402, 402]


async def test_each_credit_taken_while_the_purchase_was_good_has_its_days_of_grace(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor, validity_days=2)
    await bought(student, package)
    booked = [await student.books(tutor, in_days(day), use_package_id=package["id"]) for day in (10, 40)]
    for booking in booked:
        await tutor.confirms(booking["id"])

    answers = []
    for day, booking in zip((4, 30), booked, strict=True):
        with clock(service, in_days(day)):
            await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")
            answers.append(await credits(student))
    with clock(service, in_days(31)):
        answer = await student.asks(tutor, in_days(33), use_package_id=package["id"])

    assert answers == [1, 1]
    assert answer.status_code == 201


@pytest.mark.parametrize("ending", ["decline", "expire", "mark-no-show-tutor"])
async def test_a_lesson_that_was_not_held_by_no_fault_of_the_students_gives_the_credit_back(
    service: Harness, ending: str
) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)
    with clock(service, in_days(-3)):
        booking = await student.books(tutor, in_days(-1), use_package_id=package["id"])
        path = f"/api/tutor/bookings/{booking['id']}"
        if ending == "decline":
            await tutor.client.post(f"{path}/decline")
        if ending == "mark-no-show-tutor":
            await tutor.confirms(booking["id"])
    if ending == "expire":
        await work(service, jobs.expire_requests)
    if ending == "mark-no-show-tutor":
        with clock(service, in_days(-1) + timedelta(hours=1)):
            await service.person(next_id(), "admin").post(f"{path}/{ending}")

    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
    assert (detail["credit_returned"], detail["package"]["credits_remaining"]) == (True, 5)


async def test_a_credit_that_is_kept_is_said_to_be(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)
    booking = await student.books(tutor, in_days(3), use_package_id=package["id"])
    await tutor.confirms(booking["id"])

    with clock(service, in_days(3) - timedelta(hours=23)):
        cancelled = (await student.client.post(f"/api/bookings/{booking['id']}/cancel")).json()

    assert cancelled["credit_returned"] is False


@pytest.mark.parametrize(("currency", "price"), [("USD", 100), ("USD", 0.05), ("JPY", 100)])
async def test_what_is_paid_back_credit_by_credit_sums_to_the_price(service: Harness, currency: str, price: float) -> None:
    tutor, student = await a_tutor(service, currency=currency, hourly_rate=3000), await a_student(service)
    purchase = await bought(student, await offered(tutor, price=price, session_count=3))
    booked = [await student.books(tutor, in_days(3 + n), use_package_id=purchase["id"]) for n in range(2)]

    await tutor.client.post(f"/api/packages/purchases/{purchase['id']}/refund")
    for booking in booked:
        await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")

    (after,) = (await student.client.get("/api/packages/purchases")).json()
    assert after["refund_amount"] == price
    assert await rows(service, "SELECT sum(amount) AS owed FROM ledger") == [{"owed": 0}]


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


async def test_a_tutor_takes_a_credit_by_hand_and_it_is_audited(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)

    answer = await tutor.client.patch(f"/api/packages/{package['id']}/use-credit")

    assert (answer.status_code, answer.json()["credits_remaining"]) == (200, 4)
    (audited,) = await service.outbox("bookings.audit.recorded.v1")
    assert audited["data"]["action"] == "package_credit_used"


async def test_of_a_package_of_several_students_one_has_to_be_named(service: Harness) -> None:
    tutor, student, other = await a_tutor(service), await a_student(service), await a_student(service)
    package = await offered(tutor)
    await bought(student, package)
    await bought(other, package)
    path = f"/api/packages/{package['id']}/use-credit"

    unclear = await tutor.client.patch(path)
    named = await tutor.client.patch(path, json={"student_id": other.user_id})

    assert (unclear.status_code, unclear.json()["code"]) == (400, "whose_credit")
    assert (named.json()["student_id"], named.json()["credits_remaining"]) == (other.user_id, 4)
    assert await credits(student) == 5


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
