"""A past for the demo data: the same actions, under an earlier clock (`python -m services.bookings demo`, locally only)."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.bookings.actions import lessons, moves, replicas, reviews
from services.bookings.queries.replicas import Tutor
from services.bookings.rules.states import By, Move
from services.bookings.views.lessons import BookRequest
from services.bookings.views.reviews import ReviewRequest
from shared.auth import Principal
from shared.db import Tx
from shared.errors import Refusal
from shared.tokens import Role
from shared.worker import Runtime

PAIRS = "SELECT DISTINCT student_id, tutor_id FROM bookings ORDER BY tutor_id, student_id LIMIT 12"
WEEKS_BACK = (9, 6, 3, 2, 1)
ENDINGS = (Move.COMPLETE, Move.COMPLETE, Move.MISS_STUDENT, Move.EXPIRE, Move.COMPLETE, Move.MISS_TUTOR)
COMMENTS = (
    (5, "Excellent tutor! Very patient and knowledgeable."),
    (4, "Clear explanations and good exercises. We ran out of time once."),
    (5, "I finally understand it."),
    (3, "Helpful, but a bit fast for me."),
)


@dataclass(frozen=True, slots=True)
class Pair:
    student_id: int
    tutor_id: int


async def demo(runtime: Runtime) -> None:
    """Give each pair that has a lesson to come some that are over: completed and reviewed, missed, expired."""
    if runtime.settings.env != "local":
        raise SystemExit("Demo data is for EDUSTREAM_ENV=local only.")
    async with runtime.database.reading() as tx:
        pairs = await tx.all(Pair, PAIRS)
    endings, words = itertools.cycle(ENDINGS), itertools.cycle(COMMENTS)
    for number, (pair, weeks) in enumerate(itertools.product(pairs, WEEKS_BACK)):
        async with runtime.database.transaction() as tx:
            await past_lesson(tx, pair, datetime.now(UTC) - timedelta(weeks=weeks, hours=2 * number), next(endings), next(words))


async def past_lesson(tx: Tx, pair: Pair, around: datetime, ending: Move, words: tuple[int, str]) -> None:
    """One lesson of the pair near that time, from request to end; none if nothing was free."""
    tutor = await replicas.find_tutor(tx, pair.tutor_id)
    start_at = first_open(tutor, around)
    student, teacher = Principal(pair.student_id, Role.STUDENT), Principal(tutor.user_id, Role.TUTOR)
    try:
        async with tx.savepoint():
            wish = BookRequest(tutor_profile_id=tutor.id, start_at=start_at, subject_id=int(tutor.subjects[0]["id"]))
            booking = await lessons.book(tx, student, wish, start_at - timedelta(days=3))
    except Refusal:
        return
    if ending is Move.EXPIRE:
        await moves.carry_out(tx, booking, Move.EXPIRE, By.SYSTEM, start_at)
        return
    booking = await moves.confirm(tx, teacher, booking.id, start_at - timedelta(days=2, hours=20))
    if ending is Move.MISS_TUTOR:
        await moves.carry_out(tx, booking, Move.MISS_TUTOR, By.SYSTEM, start_at + timedelta(hours=2))
        return
    if ending is Move.MISS_STUDENT:
        await moves.mark_student_missing(tx, teacher, booking.id, start_at + timedelta(minutes=15))
        return
    await moves.carry_out(tx, booking, Move.COMPLETE, By.SYSTEM, booking.end_at)
    rating, comment = words
    review = ReviewRequest(booking_id=booking.id, rating=rating, comment=comment)
    await reviews.write(tx, student, review, booking.end_at + timedelta(hours=3))


def first_open(tutor: Tutor, around: datetime) -> datetime:
    """The first half hour after `around` at which an hour lies inside the tutor's calendar."""
    calendar = replicas.calendar_of(tutor)
    starts = (around.replace(minute=0, second=0, microsecond=0) + timedelta(minutes=30 * n) for n in range(7 * 48))
    return next(at for at in starts if calendar.is_open(at, at + timedelta(hours=1)))
