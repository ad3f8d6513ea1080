"""What nobody can wait for, or send within a test: made by the services' own actions, lessons under an earlier clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.bookings.actions import lessons, moves, reviews
from services.bookings.queries.lessons import Booking
from services.bookings.rules.states import By, Move
from services.bookings.views.lessons import BookRequest
from services.bookings.views.reviews import ReviewRequest
from services.profiles.actions import tutors
from services.profiles.actions.calendar import MOST_DAYS_OFF, MOST_WINDOWS
from shared.auth import Principal
from shared.db import Database, Tx
from shared.tokens import Role
from tests.waiting import eventually

FILL = """
INSERT INTO windows (tutor_id, on_date, start_minute, end_minute)
SELECT %(tutor_id)s::bigint, current_date + 30 + n / 20, n %% 20 * 60, n %% 20 * 60 + 30
FROM generate_series(0, %(windows)s::int - 1) n
"""
TAKE_OFF = """
INSERT INTO days_off (tutor_id, first_date, last_date)
SELECT %(tutor_id)s::bigint, current_date + n, current_date + n FROM generate_series(100, 99 + %(days)s::int) n
"""

HEARD_OF = """
SELECT EXISTS (SELECT FROM accounts WHERE id = %(student_id)s::bigint)
  AND EXISTS (SELECT FROM tutors WHERE id = %(tutor_id)s::bigint AND status = 'approved')
"""


@dataclass(frozen=True)
class Pair:
    """Whose lessons."""

    student_id: int
    tutor_user_id: int
    tutor_id: int

    @property
    def student(self) -> Principal:
        return Principal(self.student_id, Role.STUDENT)

    @property
    def tutor(self) -> Principal:
        return Principal(self.tutor_user_id, Role.TUTOR)


async def completed_lesson(bookings_url: str, pair: Pair, hours_ago: int) -> int:
    """An hour's lesson that began so many hours ago and was completed; its id. What it says goes out as ever."""
    async with transaction(bookings_url) as tx:
        return (await _completed(tx, pair, hours_ago)).id


async def lesson_under_way(bookings_url: str, pair: Pair) -> int:
    """One that has just begun; its id."""
    now = datetime.now(UTC)
    async with transaction(bookings_url) as tx:
        return (await _confirmed(tx, pair, now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0))).id


async def old_review(bookings_url: str, pair: Pair, hours_ago: int) -> int:
    """A review that was written the day after such a lesson; its id."""
    async with transaction(bookings_url) as tx:
        booking = await _completed(tx, pair, hours_ago)
        request = ReviewRequest(booking_id=booking.id, rating=5)
        return (await reviews.write(tx, pair.student, request, booking.end_at + timedelta(days=1))).id


async def fill_calendar(profiles_url: str, tutor_id: int) -> None:
    """As many windows and days off as there may be, said once."""
    async with transaction(profiles_url) as tx:
        await tx.run(FILL, tutor_id=tutor_id, windows=MOST_WINDOWS)
        await tx.run(TAKE_OFF, tutor_id=tutor_id, days=MOST_DAYS_OFF)
        await tutors.changed(tx, tutor_id, datetime.now(UTC))


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[Tx]:
    """In a service's database."""
    database = Database(url, 1, "past")
    await database.open()
    try:
        async with database.transaction() as tx:
            yield tx
    finally:
        await database.close()


async def _completed(tx: Tx, pair: Pair, hours_ago: int) -> Booking:
    start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    booking = await _confirmed(tx, pair, start_at)
    return await moves.carry_out(tx, booking, Move.COMPLETE, By.SYSTEM, booking.end_at)


async def _confirmed(tx: Tx, pair: Pair, start_at: datetime) -> Booking:
    heard_of = {"student_id": pair.student_id, "tutor_id": pair.tutor_id}
    await eventually(lambda: tx.value(HEARD_OF, **heard_of))  # a request would have their owners asked meanwhile
    wish: dict[str, Any] = {"tutor_profile_id": pair.tutor_id, "start_at": start_at, "lesson_type": "online"}
    booking = await lessons.book(tx, pair.student, BookRequest(**wish), start_at - timedelta(days=2))
    return await moves.confirm(tx, pair.tutor, booking.id, start_at - timedelta(days=1, hours=20))
