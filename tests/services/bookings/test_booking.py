"""Asking for a lesson."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from shared.events.profiles import DayOff, Window
from tests.harness import Harness
from tests.services.bookings.people import a_student, a_tutor, deactivated, in_days, next_id, request


async def test_a_booking_is_answered_as_the_reference_says(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    booking = await student.books(tutor, in_days(3), 90, subject_id=1, notes_student="  Fractions, please.  ")

    assert booking["status"] == "PENDING"
    assert (booking["student_id"], booking["tutor_profile_id"]) == (student.user_id, tutor.id)
    assert booking["start_time"] == in_days(3).strftime("%Y-%m-%dT12:00:00.000Z")
    assert booking["end_time"] == in_days(3).strftime("%Y-%m-%dT13:30:00.000Z")
    assert (booking["price_student"], booking["currency"]) == (67.5, "USD")
    assert booking["subject"] == {"id": 1, "name": "Mathematics"}
    assert booking["tutor"]["name"] == "John Tutor"
    assert booking["tutor"]["avatar_url"].endswith(f"/api/avatars/{tutor.user_id}.webp")
    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
    assert detail.items() >= booking.items()
    assert detail["notes_student"] == "Fractions, please."


async def test_a_booking_is_told_with_its_whole_state(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    booking = await student.books(tutor, in_days(3))

    (event,) = await service.outbox("bookings.booking.requested.v1")
    expected: dict[str, Any] = {
        "booking_id": booking["id"],
        "version": 1,
        "status": "PENDING",
        "student_id": student.user_id,
        "tutor_user_id": tutor.user_id,
        "tutor_id": tutor.id,
        "student_name": "Jane Student",
        "tutor_name": "John Tutor",
        "price": "45.00",
        "by": "student",
    }
    assert event["data"].items() >= expected.items()


async def test_the_same_key_books_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    headers = {"Idempotency-Key": "one"}

    first = await student.client.post("/api/bookings", json=request(tutor, in_days(3)), headers=headers)
    again = await student.client.post("/api/bookings", json=request(tutor, in_days(3)), headers=headers)
    other = await student.client.post("/api/bookings", json=request(tutor, in_days(4)), headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.json() == first.json()


@pytest.mark.parametrize(
    ("start_at", "minutes", "taken"),
    [
        (in_days(3, 12), 60, True),
        (in_days(3, 11, 30), 60, True),
        (in_days(3, 12, 45), 30, True),
        (in_days(3, 11), 60, False),
        (in_days(3, 13), 60, False),
    ],
)
async def test_lessons_of_a_tutor_do_not_overlap_but_may_touch(
    service: Harness, start_at: datetime, minutes: int, taken: bool
) -> None:
    tutor, student, other = await a_tutor(service), await a_student(service), await a_student(service)
    await student.books(tutor, in_days(3, 12), 60)

    answer = await other.asks(tutor, start_at, minutes)

    assert answer.status_code == (400 if taken else 201)
    if taken:
        assert answer.json()["code"] == "slot_taken"


async def test_a_student_is_in_one_lesson_at_a_time(service: Harness) -> None:
    tutor, other, student = await a_tutor(service), await a_tutor(service), await a_student(service)
    await student.books(tutor, in_days(3))

    answer = await student.asks(other, in_days(3))

    assert (answer.status_code, answer.json()["code"]) == (400, "slot_taken")


@pytest.mark.parametrize(
    "change",
    [
        {"start_at": "2027-01-25"},
        {"start_at": "2027-01-25T14:00:00"},
        {"start_at": "9999-12-31T23:55:00-05:00"},
        {"start_at": "0001-01-01T00:00:00+05:00"},
        {"duration_minutes": 50},
        {"duration_minutes": 0},
        {"duration_minutes": 495},
        {"lesson_type": "by_mail"},
        {"tutor_profile_id": 0},
        {"tutor_profile_id": 2**63},
        {"tutor_profile_id": "five"},
        {"notes_student": "x" * 2001},
        {"notes_student": "nul \x00"},
    ],
)
async def test_an_invalid_body_is_400(service: Harness, change: dict[str, Any]) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    answer = await student.client.post("/api/bookings", json=request(tutor, in_days(3)) | change)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


@pytest.mark.parametrize(
    "start_at",
    [
        in_days(-1),
        in_days(0).replace(minute=0) - timedelta(hours=13),
        in_days(190),
        in_days(3) + timedelta(minutes=3),
        in_days(3) + timedelta(seconds=1),
        datetime(9999, 12, 31, 23, 55, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
async def test_a_lesson_starts_soon_enough_not_too_soon_and_on_five_minutes(service: Harness, start_at: datetime) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    answer = await student.asks(tutor, start_at)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_start_time")


async def test_outside_the_calendar_nothing_is_booked(service: Harness) -> None:
    day = in_days(5).date()
    windows = [Window(weekday=day.weekday(), start=time(9), end=time(17))]
    tutor, student = await a_tutor(service, windows=windows), await a_student(service)

    early, late, fits = [await student.asks(tutor, in_days(5, hour), 60) for hour in (8, 17, 16)]

    assert (early.status_code, early.json()["code"]) == (400, "tutor_not_available")
    assert late.json()["code"] == "tutor_not_available"
    assert fits.status_code == 201


async def test_on_a_day_off_nothing_is_booked(service: Harness) -> None:
    day: date = in_days(5).date()
    tutor = await a_tutor(service, days_off=[DayOff(first=day, last=day, start=time(12), end=time(13))])
    student = await a_student(service)

    inside, after = await student.asks(tutor, in_days(5, 12, 30), 30), await student.asks(tutor, in_days(5, 13), 30)

    assert (inside.json()["code"], after.status_code) == ("tutor_not_available", 201)


@pytest.mark.parametrize("change", [{"status": "pending_approval"}, {"status": "rejected"}, {"is_active": False}])
async def test_a_tutor_who_does_not_teach_is_not_found(service: Harness, change: dict[str, Any]) -> None:
    tutor, student = await a_tutor(service, **change), await a_student(service)

    answer = await student.asks(tutor, in_days(3))

    assert (answer.status_code, answer.json()["code"]) == (404, "tutor_not_found")


async def test_an_unknown_tutor_is_not_found(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    tutor.id = next_id()

    assert (await student.asks(tutor, in_days(3))).status_code == 404


async def test_nobody_books_a_tutor_whose_account_is_deactivated(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    await deactivated(service, tutor.user_id, "tutor")

    assert (await student.asks(tutor, in_days(3))).status_code == 404


async def test_a_deactivated_student_books_nothing(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    await deactivated(service, student.user_id)

    assert (await student.asks(tutor, in_days(3))).status_code == 403


async def test_tutors_do_not_book_themselves(service: Harness) -> None:
    tutor = await a_tutor(service)

    answer = await service.person(tutor.user_id, "student").post("/api/bookings", json=request(tutor, in_days(3)))

    assert (answer.status_code, answer.json()["code"]) == (400, "own_lesson")


async def test_a_subject_the_tutor_does_not_teach_is_refused(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    answer = await student.asks(tutor, in_days(3), subject_id=77)

    assert (answer.status_code, answer.json()["code"]) == (400, "subject_not_taught")


async def test_the_price_stays_when_the_rate_changes(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.changes(hourly_rate=99)

    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()

    assert detail["price_student"] == 45.0
    assert (await student.books(tutor, in_days(4)))["price_student"] == 99.0


async def test_a_student_of_whom_nothing_was_heard_yet_books_all_the_same(service: Harness) -> None:
    tutor, stranger = await a_tutor(service), service.person(next_id())

    answer = await stranger.post("/api/bookings", json=request(tutor, in_days(3)))

    assert answer.status_code == 201
