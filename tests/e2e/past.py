"""Lessons that are over: nobody can wait for them, so they are made by the same actions under an earlier clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.bookings.actions import lessons, moves
from services.bookings.rules.states import By, Move
from services.bookings.views.lessons import BookRequest
from shared.auth import Principal
from shared.db import Database
from shared.tokens import Role


async def completed_lesson(bookings_url: str, student_id: int, tutor_user_id: int, tutor_id: int, hours_ago: int) -> int:
    """An hour's lesson that began so many hours ago and was completed; its id. What it says goes out as ever."""
    start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    student, tutor = Principal(student_id, Role.STUDENT), Principal(tutor_user_id, Role.TUTOR)
    wish: dict[str, Any] = {"tutor_profile_id": tutor_id, "start_at": start_at, "lesson_type": "online"}
    database = Database(bookings_url, 1, "past")
    await database.open()
    try:
        async with database.transaction() as tx:
            booking = await lessons.book(tx, student, BookRequest(**wish), start_at - timedelta(days=2))
            booking = await moves.confirm(tx, tutor, booking.id, start_at - timedelta(days=1, hours=20))
            await moves.carry_out(tx, booking, Move.COMPLETE, By.SYSTEM, booking.end_at)
    finally:
        await database.close()
    return booking.id
