"""Free slots as clients see them, and that each can be booked as offered."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from services.bookings.views.slots import SlotView
from shared.events.profiles import DayOff, Window
from tests.harness import Harness
from tests.services.bookings.people import Student, Tutor, a_student, a_tutor, in_days, next_id


async def slots(student: Student, tutor: Tutor, first: date, last: date, **query: Any) -> list[dict[str, Any]]:
    answer = await student.client.get(
        f"/api/tutors/{tutor.id}/available-slots", params={"start_date": str(first), "end_date": str(last)} | query
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    TypeAdapter(list[SlotView]).validate_python(found)  # as the documentation says
    return found


def nine_to_twelve(day: date) -> list[Window]:
    return [Window(weekday=day.weekday(), start=time(9), end=time(12))]


async def test_slots_are_answered_as_the_reference_says(service: Harness) -> None:
    day = in_days(5).date()
    tutor, student = await a_tutor(service, windows=nine_to_twelve(day)), await a_student(service)

    found = await slots(student, tutor, day, day)

    assert found[0] == {"start_time": f"{day}T09:00:00.000Z", "end_time": f"{day}T10:00:00.000Z", "is_available": True}
    assert [s["start_time"][11:16] for s in found] == ["09:00", "09:30", "10:00", "10:30", "11:00"]


async def test_what_is_taken_is_left_out_or_shown_as_taken(service: Harness) -> None:
    day = in_days(5).date()
    tutor, student = await a_tutor(service, windows=nine_to_twelve(day)), await a_student(service)
    await (await a_student(service)).books(tutor, in_days(5, 10))

    free = await slots(student, tutor, day, day)
    whole = await slots(student, tutor, day, day, include_unavailable=True)

    assert [s["start_time"][11:16] for s in free] == ["09:00", "11:00"]
    assert [s["is_available"] for s in whole] == [True, False, False, False, True]


async def test_a_cancelled_lesson_gives_its_slot_back(service: Harness) -> None:
    day = in_days(5).date()
    tutor, student = await a_tutor(service, windows=nine_to_twelve(day)), await a_student(service)
    booking = await student.books(tutor, in_days(5, 10))
    await student.client.post(f"/api/bookings/{booking['id']}/cancel")

    assert len(await slots(student, tutor, day, day)) == 5


async def test_the_students_own_lessons_elsewhere_are_taken_too(service: Harness) -> None:
    day = in_days(5).date()
    tutor, other = await a_tutor(service, windows=nine_to_twelve(day)), await a_tutor(service)
    student, free_student = await a_student(service), await a_student(service)
    await student.books(other, in_days(5, 10))

    assert len(await slots(student, tutor, day, day)) == 2
    assert len(await slots(free_student, tutor, day, day)) == 5


async def test_days_off_hold_no_slots(service: Harness) -> None:
    day = in_days(5).date()
    days_off = [DayOff(first=day, last=day, start=time(10), end=time(11))]
    tutor, student = await a_tutor(service, windows=nine_to_twelve(day), days_off=days_off), await a_student(service)

    found = await slots(student, tutor, day, day, include_unavailable=True)

    assert [s["start_time"][11:16] for s in found] == ["09:00", "11:00"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"start_date": "2026-01-01"}, 422),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, 422),
        ({"start_date": "2026-01-01", "end_date": "2026-01-31"}, 200),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01"}, 422),
        ({"start_date": "2026-01-01", "end_date": "2026-01-02", "duration_minutes": 50}, 422),
        ({"start_date": "2026-01-01", "end_date": "2026-01-02", "timezone": "Mars/Base"}, 422),
        ({"start_date": "0001-01-01", "end_date": "0001-01-02"}, 422),
        ({"start_date": "9999-12-30", "end_date": "9999-12-31"}, 422),
    ],
)
async def test_a_range_is_31_days_at_most(service: Harness, query: dict[str, Any], status: int) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    answer = await student.client.get(f"/api/tutors/{tutor.id}/available-slots", params=query)

    assert answer.status_code == status, answer.text


async def test_an_unknown_tutor_has_no_slots(service: Harness) -> None:
    student = await a_student(service)

    answer = await student.client.get(f"/api/tutors/{next_id()}/available-slots?start_date=2026-01-01&end_date=2026-01-02")

    assert answer.status_code == 404


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Europe/London"])
async def test_every_slot_offered_can_be_booked_as_offered(service: Harness, zone: str) -> None:
    first = in_days(4).date()
    windows = [
        Window(weekday=day, start=start, end=end)
        for day in range(7)
        for start, end in ((time(8, 10), time(10)), (time(22), time(0)))
    ]
    tutor = await a_tutor(service, timezone=zone, windows=windows)
    students = [await a_student(service) for _ in range(4)]

    offered = await slots(students[0], tutor, first, first + timedelta(days=1))
    answers = []
    for n, slot in enumerate(offered[::2]):
        answers.append(await students[n % 4].asks(tutor, datetime.fromisoformat(slot["start_time"])))

    assert len(offered) == 2 * (2 + 3)
    assert {a.status_code for a in answers} == {201}
    assert [a.json()["start_time"] for a in answers] == [slot["start_time"] for slot in offered[::2]]


async def test_dates_are_days_of_the_tutor_or_of_the_zone_asked_for(service: Harness) -> None:
    day = in_days(5).date()
    windows = [Window(on=day, start=time(0), end=time(1))]
    tutor, student = await a_tutor(service, timezone="Asia/Tokyo", windows=windows), await a_student(service)

    in_tokyo = await slots(student, tutor, day, day)
    in_utc = await slots(student, tutor, day, day, timezone="UTC")
    before = await slots(student, tutor, day - timedelta(days=1), day - timedelta(days=1), timezone="UTC")

    assert [s["start_time"] for s in in_tokyo] == [f"{day - timedelta(days=1)}T15:00:00.000Z"]
    assert in_utc == []
    assert before == in_tokyo
