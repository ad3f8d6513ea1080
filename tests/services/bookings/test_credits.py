"""Credits of packages: what they pay for, and when they come back."""

from datetime import timedelta
from typing import Any

import pytest

from services.bookings import jobs
from tests.harness import Harness
from tests.services.bookings.people import Student, Tutor, a_student, a_tutor, clock, in_days, next_id, rows, work
from tests.services.bookings.sales import bought, offered


async def credits(student: Student) -> int:
    purchases = (await student.client.get("/api/packages/purchases")).json()
    remaining: int = purchases[0]["credits_remaining"]
    return remaining


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


async def two_taken_in_time(
    service: Harness, days: tuple[int, int]
) -> tuple[Tutor, Student, dict[str, Any], list[dict[str, Any]]]:
    """Confirmed lessons on these days, by credits of a package that is good for two days; the package and the lessons."""
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor, validity_days=2)
    await bought(student, package)
    booked = [await student.books(tutor, in_days(day), use_package_id=package["id"]) for day in days]
    for booking in booked:
        await tutor.confirms(booking["id"])
    return tutor, student, package, booked


async def test_each_credit_taken_while_the_purchase_was_good_has_its_days_of_grace(service: Harness) -> None:
    tutor, student, package, booked = await two_taken_in_time(service, (10, 40))

    answers = []
    for day, booking in zip((4, 30), booked, strict=True):
        with clock(service, in_days(day)):
            await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")
            answers.append(await credits(student))
    with clock(service, in_days(31)):
        answer = await student.asks(tutor, in_days(33), use_package_id=package["id"])

    assert answers == [1, 1]
    assert answer.status_code == 201


async def test_so_has_one_that_comes_back_during_those_of_another(service: Harness) -> None:
    tutor, student, package, booked = await two_taken_in_time(service, (20, 40))

    for day, booking in zip((4, 17), booked, strict=True):
        with clock(service, in_days(day)):
            await tutor.client.post(f"/api/bookings/{booking['id']}/cancel")
    with clock(service, in_days(30)):
        assert await credits(student) == 2
        answer = await student.asks(tutor, in_days(33), use_package_id=package["id"])

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
