"""When a lesson may be booked and moved, and what each move does to its time, its deadline and its money."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.bookings.rules.states import By, Move, NotYourMove, Status, after
from shared.errors import BadRequest

SOONEST = timedelta(hours=1)
FURTHEST = timedelta(days=180)
STEP = timedelta(minutes=5)
ANSWER_WITHIN = timedelta(hours=24)
FULL_REFUND_BEFORE = timedelta(hours=24)
RESCHEDULE_BEFORE = timedelta(hours=12)
MOST_RESCHEDULES = 3
MISSED_AFTER = timedelta(minutes=10)
MISSED_UNTIL = timedelta(hours=24)
MISSES = (Move.MISS_STUDENT, Move.MISS_TUTOR)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class InvalidStartTime(BadRequest):
    detail = "A lesson starts on a five-minute boundary, at least 1 hour and at most 180 days from now."


class LessonStarted(BadRequest):
    detail = "The lesson has started: it can no longer be cancelled."


class TooLateToReschedule(BadRequest):
    detail = "A lesson can be moved until 12 hours before it starts."


class TooManyReschedules(BadRequest):
    detail = f"A lesson can be moved {MOST_RESCHEDULES} times at most."


class SameTime(BadRequest):
    detail = "The lesson is at that time already."


class OutsideNoShowWindow(BadRequest):
    detail = "A no-show can be marked from 10 minutes after the start until 24 hours after the end of the lesson."


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What the rules look at. `status` may be a plain string of the same text."""

    status: Status
    start_at: datetime
    end_at: datetime
    respond_by: datetime
    remind_at: datetime | None
    price: Decimal
    times_moved: int
    free_cancellation: bool
    """The tutor moved it, or is away: the student may cancel with a full refund until the start, or until the tutor agrees to
    another time that the student asked for."""
    moved_from: datetime | None
    """The start that counted when the student asked for another one, until the tutor answers; None for a first request."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a move makes of a lesson, and whether the student gets back all that was paid (money or credit)."""

    lesson: Lesson
    paid_back: bool = False


def requested(start_at: datetime, minutes: int, price: Decimal, now: datetime) -> Lesson:
    """A new lesson. Raises `InvalidStartTime`."""
    check_start(start_at, now)
    return Lesson(
        status=Status.PENDING,
        start_at=start_at,
        end_at=start_at + timedelta(minutes=minutes),
        respond_by=min(now + ANSWER_WITHIN, start_at),
        remind_at=None,
        price=price,
        times_moved=0,
        free_cancellation=False,
        moved_from=None,
    )


def check_start(start_at: datetime, now: datetime) -> None:
    if not now + SOONEST <= start_at <= now + FURTHEST or (start_at - EPOCH) % STEP:
        raise InvalidStartTime


def status_at(lesson: Lesson, now: datetime) -> Status:
    """The status that counts now, whether or not the worker has written it down yet."""
    if lesson.status == Status.PENDING and now >= lesson.respond_by:
        return Status.EXPIRED
    if lesson.status == Status.CONFIRMED and now >= lesson.end_at:
        return Status.COMPLETED
    return Status(lesson.status)


def moved(lesson: Lesson, move: Move, by: By, now: datetime) -> Verdict:
    """Any move but a reschedule. Raises `WrongState`, `NotYourMove`, `LessonStarted` or `OutsideNoShowWindow`."""
    # The system's moves are those that bring the written status up to the one that counts.
    found = Status(lesson.status) if by is By.SYSTEM else status_at(lesson, now)
    status = after(found, move, by)
    if move is Move.CANCEL and by is not By.SYSTEM and now >= lesson.start_at:
        raise LessonStarted
    if move in MISSES and not lesson.start_at + MISSED_AFTER <= now <= lesson.end_at + MISSED_UNTIL:
        raise OutsideNoShowWindow
    changes: dict[str, Any] = {"status": status, "remind_at": None}
    if status is Status.CONFIRMED:
        imposed = lesson.free_cancellation and lesson.moved_from is None  # by the tutor, and not what the student asked for since
        changes = {"status": status, "remind_at": next_reminder(lesson.start_at, now), "moved_from": None}
        changes["free_cancellation"] = imposed
    return Verdict(_with(lesson, **changes), _is_paid_back(lesson, move, by, now))


def rescheduled(lesson: Lesson, start_at: datetime, by: By, now: datetime) -> Verdict:
    """The lesson at another time, as long and as dear as before; the calendar is not looked at here."""
    status = after(status_at(lesson, now), Move.RESCHEDULE, by)
    if now > lesson.start_at - RESCHEDULE_BEFORE:
        raise TooLateToReschedule
    if lesson.times_moved >= MOST_RESCHEDULES:
        raise TooManyReschedules
    if start_at == lesson.start_at:
        raise SameTime
    check_start(start_at, now)
    # The tutor's move answers whatever the student asked for, and is nothing that could be waited for longer than the request.
    agreed = None if by is By.TUTOR else lesson.start_at if lesson.status == Status.CONFIRMED else lesson.moved_from
    deadline = lesson.respond_by if by is By.TUTOR and status is Status.PENDING else now + ANSWER_WITHIN
    return Verdict(
        _with(
            lesson,
            status=status,
            start_at=start_at,
            end_at=start_at + (lesson.end_at - lesson.start_at),
            respond_by=min(deadline, start_at),
            remind_at=next_reminder(start_at, now) if status == Status.CONFIRMED else None,
            times_moved=lesson.times_moved + 1,
            free_cancellation=by is By.TUTOR or (lesson.free_cancellation and agreed is not None),
            moved_from=agreed,
        )
    )


def role_of(user_id: int, student_id: int, tutor_user_id: int) -> By:
    """The side of the booking somebody is on; for outsiders (administrators) it is nobody's move."""
    if user_id == student_id:
        return By.STUDENT
    if user_id == tutor_user_id:
        return By.TUTOR
    raise NotYourMove("Only the student or the tutor may do this.")


def _is_paid_back(lesson: Lesson, move: Move, by: By, now: datetime) -> bool:
    if move in (Move.DECLINE, Move.EXPIRE, Move.MISS_TUTOR):
        return True
    if move is not Move.CANCEL:
        return False
    return by is not By.STUDENT or lesson.free_cancellation or _is_early(lesson, now)


def _is_early(lesson: Lesson, now: datetime) -> bool:
    """Whether the student may still go back on it: always, until the tutor has agreed to some time for the first time."""
    if lesson.status == Status.PENDING and lesson.moved_from is None:
        return True
    return min(lesson.start_at, lesson.moved_from or lesson.start_at) - now >= FULL_REFUND_BEFORE


def next_reminder(start_at: datetime, now: datetime) -> datetime | None:
    """When the next reminder (24 hours, then 1 hour before) is due."""
    return next((at for hours in (24, 1) if (at := start_at - timedelta(hours=hours)) > now), None)


def reminder_now(start_at: datetime, now: datetime) -> int | None:
    """Which reminder a due one is: 24 or 1 (hours). None when it comes too late to be true, after a stop of the worker."""
    left = start_at - now
    if timedelta(0) < left <= timedelta(hours=1):
        return 1
    return 24 if timedelta(hours=20) <= left <= timedelta(hours=24) else None


def _with(lesson: Lesson, **changes: Any) -> Lesson:
    plain = Lesson(**{name: getattr(lesson, name) for name in Lesson.__slots__})
    return replace(plain, **changes)
