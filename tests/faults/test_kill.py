"""kill -9 of any one process in the middle of the journey: it heals alone, nothing accepted is lost, nothing is told twice."""

from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.people import Person, approved_tutor, registers
from tests.faults.conftest import Launched
from tests.waiting import eventually

VICTIMS = (
    "auth",
    "profiles",
    "bookings",
    "messaging",
    "notifications",
    "reporting",
    "gateway",
    "rabbitmq",
    "valkey",
    "postgres",
)
RECOVERY = 30.0  # seconds; generous, because a shared machine may be slow

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(400)]


async def insists(person: Person, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
    """What a good client does: the same request, with the same key, until it is answered by something other than a failure."""
    headers = {"Idempotency-Key": uuid4().hex}

    async def attempt() -> httpx.Response | None:
        try:
            answer = await person.client.post(path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        return answer if answer.status_code < 500 else None

    answer = await eventually(attempt, RECOVERY)
    assert answer is not None
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def confirms(tutor: Person, booking_id: int) -> None:
    async def confirmed() -> bool:
        try:
            await tutor.client.post(f"/api/tutor/bookings/{booking_id}/confirm")
            answer = await tutor.client.get(f"/api/bookings/{booking_id}")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json()["status"] == "CONFIRMED"

    await eventually(confirmed, RECOVERY)


async def test_whatever_is_killed_nothing_accepted_is_lost_and_nothing_is_told_twice(
    launched: Launched, administrator: Person
) -> None:
    tutor, tutor_id = await approved_tutor(launched.gateway, administrator)
    student = await registers(launched.gateway)
    slots = (await student.sees_slots(tutor_id))[::3]
    bookings, messages = [], []

    for victim, slot in zip(VICTIMS, slots, strict=False):
        body = {"tutor_profile_id": tutor_id, "start_at": slot["start_time"], "duration_minutes": 60, "lesson_type": "online"}
        bookings.append((await insists(student, "/api/bookings", body, 201))["id"])
        launched.kill(victim)
        await confirms(tutor, bookings[-1])
        text = {"recipient_id": tutor.id, "message": f"after {victim}"}
        messages.append((await insists(student, "/api/messages", text, 201))["id"])
        await eventually(launched.is_healthy, RECOVERY)

    async def told(person: Person, kind: str) -> Counter[int]:
        found = await person.get("/api/notifications", page_size=100)
        return Counter(n["data"]["booking_id"] for n in found if n["type"] == kind)

    async def everybody_was_told() -> bool:
        asked, agreed = await told(tutor, "booking_requested"), await told(student, "booking_confirmed")
        return set(asked) >= set(bookings) and set(agreed) >= set(bookings)

    await eventually(everybody_was_told, RECOVERY)
    assert await told(tutor, "booking_requested") == Counter(bookings)
    assert await told(student, "booking_confirmed") == Counter(bookings)
    conversation = await tutor.get(f"/api/messages/threads/{student.id}", page_size=100)
    assert [m["id"] for m in conversation["messages"]] == messages
    listed = await student.get("/api/bookings", status="upcoming", page_size=100)
    assert sorted(b["id"] for b in listed["bookings"]) == sorted(bookings)
