"""One lesson from sign-up to notification, through the gateway, on real servers."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.e2e.conftest import Mailbox
from tests.e2e.journey import one_lesson
from tests.e2e.people import Person, approved_tutor, registers


async def test_one_lesson_from_sign_up_to_notification(gateway: str, administrator: Person, mailbox: Mailbox) -> None:
    student, tutor = await one_lesson(gateway, administrator)

    await mailbox.holds(student.email, "confirmed")
    await mailbox.holds(tutor.email, "Jane")


async def test_whoever_was_told_approved_books_in_the_very_next_request(gateway: str, administrator: Person) -> None:
    student, tutor = await registers(gateway), await registers(gateway, "tutor", "Terry")
    tutor_id = await tutor.fills_profile()
    await tutor.call("POST", "/api/tutors/me/submit")
    start_at = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0).isoformat()

    await administrator.call("POST", f"/api/admin/tutors/{tutor_id}/approve")
    booking = await student.books(tutor_id, start_at)

    assert booking["status"] == "PENDING"


async def test_twenty_racing_requests_for_one_slot_make_one_booking(gateway: str, administrator: Person) -> None:
    _, tutor_id = await approved_tutor(gateway, administrator)
    students = [await registers(gateway) for _ in range(20)]
    slot = (await students[0].sees_slots(tutor_id))[0]
    body = {"tutor_profile_id": tutor_id, "start_at": slot["start_time"], "duration_minutes": 60, "lesson_type": "online"}

    answers = await asyncio.gather(*(s.client.post("/api/bookings", json=body) for s in students))

    assert Counter(a.status_code for a in answers) == {201: 1, 400: 19}
    assert {a.json()["code"] for a in answers if a.status_code == 400} == {"slot_taken"}
