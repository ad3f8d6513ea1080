"""Packages, offered and bought."""

from typing import Any

from tests.services.bookings.people import Student, Tutor

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
