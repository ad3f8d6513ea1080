"""Every slot that is offered can be booked as offered, whatever zones the tutor's calendar and account are in."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.people import Person, approved_tutor, registers
from tests.waiting import eventually

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MORNINGS = [{"day_of_week": day, "start_time": "09:00", "end_time": "12:00"} for day in DAYS]


@pytest.mark.parametrize(
    ("calendar_zone", "account_zone"),
    [
        ("America/New_York", "Asia/Tokyo"),
        ("Asia/Tokyo", "America/New_York"),
        ("Asia/Kolkata", "Europe/London"),
        ("Europe/London", "Asia/Kolkata"),
    ],
)
async def test_every_slot_offered_is_booked_as_offered(
    gateway: str, administrator: Person, calendar_zone: str, account_zone: str
) -> None:
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    await tutor.call("PUT", "/auth/me", json={"timezone": account_zone})
    await tutor.call("PUT", "/api/tutors/me/availability", json={"timezone": calendar_zone, "weekly_schedule": MORNINGS})
    student, zone = await registers(gateway), ZoneInfo(calendar_zone)
    first = datetime.now(UTC).date() + timedelta(days=3)
    asked = {"start_date": str(first), "end_date": str(first + timedelta(days=1)), "duration_minutes": 60}

    async def mornings() -> list[dict[str, Any]]:
        slots: list[dict[str, Any]] = await student.get(f"/api/tutors/{tutor_id}/available-slots", **asked)
        local = {(datetime.fromisoformat(s["start_time"]).astimezone(zone)).strftime("%H:%M") for s in slots}
        return slots if local == {"09:00", "09:30", "10:00", "10:30", "11:00"} else []

    slots = await eventually(mornings)
    assert len(slots) == 10

    for slot in slots:  # each overlaps the next one
        booking = await student.books(tutor_id, slot["start_time"])
        assert (booking["start_time"], booking["end_time"]) == (slot["start_time"], slot["end_time"])
        await student.call("POST", f"/api/bookings/{booking['id']}/cancel")
