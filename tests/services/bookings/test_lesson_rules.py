"""What cancelling, moving and not coming mean for a lesson, and when it is reminded of: rules, without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.bookings.rules import lessons as rules
from services.bookings.rules.lessons import Lesson
from services.bookings.rules.states import By, Move, Status, WrongState
from shared.errors import Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def lesson(status: Status = Status.CONFIRMED, starts_in: timedelta = 48 * HOUR, **changes: object) -> Lesson:
    start = NOW + starts_in
    fields: dict[str, object] = {
        "status": status,
        "start_at": start,
        "end_at": start + HOUR,
        "respond_by": min(NOW + 24 * HOUR, start),
        "remind_at": None,
        "price": Decimal("45.00"),
        "times_moved": 0,
        "free_cancellation": False,
        "moved_from": None,
    }
    return Lesson(**fields | changes)  # type: ignore[arg-type]  # each test names fields that exist


@pytest.mark.parametrize(
    ("by", "starts_in", "free", "paid_back"),
    [
        (By.STUDENT, 24 * HOUR, False, True),
        (By.STUDENT, 24 * HOUR - timedelta(seconds=1), False, False),
        (By.STUDENT, timedelta(seconds=1), False, False),
        (By.STUDENT, timedelta(seconds=1), True, True),
        (By.TUTOR, timedelta(seconds=1), False, True),
        (By.TUTOR, 48 * HOUR, False, True),
    ],
)
def test_what_a_cancellation_pays_back(by: By, starts_in: timedelta, free: bool, paid_back: bool) -> None:
    verdict = rules.moved(lesson(starts_in=starts_in, free_cancellation=free), Move.CANCEL, by, NOW)

    assert (verdict.lesson.status, verdict.paid_back) == (Status.CANCELLED, paid_back)


@pytest.mark.parametrize(
    ("moved_from", "starts_in", "paid_back"),
    [
        (None, timedelta(seconds=1), True),
        (NOW + 24 * HOUR, 99 * HOUR, True),
        (NOW + 23 * HOUR, 99 * HOUR, False),
        (NOW + 99 * HOUR, 23 * HOUR, False),
    ],
)
def test_a_request_is_withdrawn_free_unless_the_tutor_had_agreed_to_a_time_that_is_near(
    moved_from: datetime | None, starts_in: timedelta, paid_back: bool
) -> None:
    asked = lesson(Status.PENDING, starts_in, moved_from=moved_from, respond_by=NOW + HOUR)

    assert rules.moved(asked, Move.CANCEL, By.STUDENT, NOW).paid_back is paid_back


def test_the_time_a_tutor_agreed_to_is_kept_until_another_one_is() -> None:
    once = rules.rescheduled(lesson(), NOW + 72 * HOUR, By.STUDENT, NOW).lesson
    twice = rules.rescheduled(once, NOW + 96 * HOUR, By.STUDENT, NOW).lesson

    assert (once.moved_from, twice.moved_from) == (NOW + 48 * HOUR, NOW + 48 * HOUR)
    assert rules.moved(twice, Move.CONFIRM, By.TUTOR, NOW).lesson.moved_from is None
    assert rules.rescheduled(lesson(Status.PENDING), NOW + 72 * HOUR, By.STUDENT, NOW).lesson.moved_from is None


@pytest.mark.parametrize("before", [Status.PENDING, Status.CONFIRMED])
def test_asking_for_another_time_than_the_tutor_chose_costs_nothing(before: Status) -> None:
    """The student could have cancelled free; the tutor's answer to the student's own wish ends that, another move does not."""
    imposed = rules.rescheduled(lesson(before), NOW + 20 * HOUR, By.TUTOR, NOW).lesson
    asked = rules.rescheduled(imposed, NOW + 72 * HOUR, By.STUDENT, NOW).lesson
    once_more = rules.rescheduled(asked, NOW + 22 * HOUR, By.TUTOR, NOW).lesson
    late = NOW + 19 * HOUR

    for waits in (imposed, asked, once_more):
        assert rules.moved(waits, Move.CANCEL, By.STUDENT, late).paid_back
    answered = rules.moved(asked, Move.CONFIRM, By.TUTOR, NOW).lesson
    assert rules.moved(answered, Move.CANCEL, By.STUDENT, NOW + 48 * HOUR).paid_back
    assert not rules.moved(answered, Move.CANCEL, By.STUDENT, NOW + 49 * HOUR).paid_back


def test_a_time_that_the_tutor_chose_for_a_request_is_free_to_cancel_when_it_is_confirmed() -> None:
    imposed = rules.rescheduled(lesson(Status.PENDING), NOW + 20 * HOUR, By.TUTOR, NOW).lesson
    confirmed = rules.moved(imposed, Move.CONFIRM, By.TUTOR, NOW).lesson

    assert rules.moved(confirmed, Move.CANCEL, By.STUDENT, NOW + 19 * HOUR).paid_back


@pytest.mark.parametrize("by", [By.STUDENT, By.TUTOR])
@pytest.mark.parametrize("starts_in", [timedelta(0), -timedelta(minutes=30)])
def test_a_started_lesson_is_not_cancelled(by: By, starts_in: timedelta) -> None:
    with pytest.raises(rules.LessonStarted):
        rules.moved(lesson(starts_in=starts_in), Move.CANCEL, by, NOW)


@pytest.mark.parametrize("move", [Move.CONFIRM, Move.DECLINE, Move.CANCEL])
def test_a_request_is_over_at_its_deadline_even_before_the_worker_comes(move: Move) -> None:
    late = lesson(Status.PENDING, respond_by=NOW)

    with pytest.raises(WrongState, match="EXPIRED"):
        rules.moved(late, move, By.TUTOR, NOW)


def test_a_request_is_to_be_answered_within_a_day_or_before_it_starts() -> None:
    assert rules.requested(NOW + 48 * HOUR, 60, Decimal(1), NOW).respond_by == NOW + 24 * HOUR
    assert rules.requested(NOW + 2 * HOUR, 60, Decimal(1), NOW).respond_by == NOW + 2 * HOUR


def test_a_tutor_who_moves_a_request_has_no_longer_to_answer_it() -> None:
    asked = lesson(Status.PENDING)
    later = NOW + 5 * HOUR

    assert rules.rescheduled(asked, NOW + 72 * HOUR, By.TUTOR, later).lesson.respond_by == asked.respond_by
    assert rules.rescheduled(asked, NOW + 20 * HOUR, By.TUTOR, later).lesson.respond_by == NOW + 20 * HOUR
    assert rules.rescheduled(asked, NOW + 72 * HOUR, By.STUDENT, later).lesson.respond_by == later + 24 * HOUR


@pytest.mark.parametrize(
    ("move", "by", "since_start", "allowed"),
    [
        (move, by, since_start, allowed)
        for move, by in ((Move.MISS_STUDENT, By.TUTOR), (Move.MISS_TUTOR, By.ADMIN))
        for since_start, allowed in (
            (timedelta(minutes=9), False),
            (timedelta(minutes=10), True),
            (25 * HOUR, True),
            (25 * HOUR + timedelta(seconds=1), False),
        )
    ],
)
def test_a_no_show_is_marked_from_ten_minutes_after_the_start_until_a_day_after_the_end(
    move: Move, by: By, since_start: timedelta, allowed: bool
) -> None:
    held = lesson(Status.CONFIRMED if since_start < HOUR else Status.COMPLETED, -since_start)
    if not allowed:
        with pytest.raises(rules.OutsideNoShowWindow):
            rules.moved(held, move, by, NOW)
        return

    verdict = rules.moved(held, move, by, NOW)

    assert verdict.paid_back is (move is Move.MISS_TUTOR)


@pytest.mark.parametrize(("move", "status"), [(Move.EXPIRE, Status.PENDING), (Move.COMPLETE, Status.CONFIRMED)])
def test_time_moves_what_is_due(move: Move, status: Status) -> None:
    over = lesson(status, -2 * HOUR, respond_by=NOW - 2 * HOUR)

    assert rules.moved(over, move, By.SYSTEM, NOW).paid_back is (move is Move.EXPIRE)


@pytest.mark.parametrize(
    ("by", "before", "status", "free"),
    [
        (By.STUDENT, Status.PENDING, Status.PENDING, False),
        (By.STUDENT, Status.CONFIRMED, Status.PENDING, False),
        (By.TUTOR, Status.PENDING, Status.PENDING, True),
        (By.TUTOR, Status.CONFIRMED, Status.CONFIRMED, True),
    ],
)
def test_a_moved_lesson_is_as_long_as_before_and_who_moved_it_decides_the_rest(
    by: By, before: Status, status: Status, free: bool
) -> None:
    moved = rules.rescheduled(lesson(before), NOW + 72 * HOUR, by, NOW).lesson

    assert (moved.status, moved.free_cancellation) == (status, free)
    assert (moved.start_at, moved.end_at, moved.times_moved) == (NOW + 72 * HOUR, NOW + 73 * HOUR, 1)
    assert moved.price == Decimal("45.00")


@pytest.mark.parametrize(
    ("given", "start_at", "refusal"),
    [
        (lesson(starts_in=12 * HOUR - timedelta(seconds=1)), NOW + 72 * HOUR, rules.TooLateToReschedule),
        (lesson(times_moved=3), NOW + 72 * HOUR, rules.TooManyReschedules),
        (lesson(), NOW + 48 * HOUR, rules.SameTime),
        (lesson(), NOW + timedelta(minutes=59), rules.InvalidStartTime),
        (lesson(), NOW + timedelta(days=180, minutes=5), rules.InvalidStartTime),
        (lesson(), NOW + 72 * HOUR + timedelta(minutes=1), rules.InvalidStartTime),
        (lesson(Status.COMPLETED), NOW + 72 * HOUR, WrongState),
    ],
)
def test_when_a_lesson_cannot_be_moved(given: Lesson, start_at: datetime, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        rules.rescheduled(given, start_at, By.STUDENT, NOW)


@pytest.mark.parametrize(
    ("left", "due", "hours"),
    [
        (timedelta(hours=30), timedelta(hours=24), None),
        (timedelta(hours=24), timedelta(hours=1), 24),
        (timedelta(hours=5), timedelta(hours=1), None),
        (timedelta(hours=1), None, 1),
        (timedelta(minutes=5), None, 1),
        (timedelta(0), None, None),
    ],
)
def test_reminders_are_due_a_day_and_an_hour_before(left: timedelta, due: timedelta | None, hours: int | None) -> None:
    start = NOW + left

    assert rules.next_reminder(start, NOW) == (start - due if due else None)
    assert rules.reminder_now(start, NOW) == hours
