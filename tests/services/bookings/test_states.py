"""The state machine, move by move, and against a model of its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.bookings.rules import lessons as rules
from services.bookings.rules.states import MOVES, By, Move, NotYourMove, Status, WrongState, after
from shared.errors import Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRANSITIONS = {
    ("PENDING", "confirm", "tutor", "CONFIRMED"),
    ("PENDING", "decline", "tutor", "DECLINED"),
    ("PENDING", "cancel", "student", "CANCELLED"),
    ("PENDING", "cancel", "tutor", "CANCELLED"),
    ("PENDING", "cancel", "system", "CANCELLED"),
    ("PENDING", "reschedule", "student", "PENDING"),
    ("PENDING", "reschedule", "tutor", "PENDING"),
    ("PENDING", "expire", "system", "EXPIRED"),
    ("CONFIRMED", "cancel", "student", "CANCELLED"),
    ("CONFIRMED", "cancel", "tutor", "CANCELLED"),
    ("CONFIRMED", "cancel", "system", "CANCELLED"),
    ("CONFIRMED", "reschedule", "student", "PENDING"),
    ("CONFIRMED", "reschedule", "tutor", "CONFIRMED"),
    ("CONFIRMED", "complete", "system", "COMPLETED"),
    ("CONFIRMED", "mark_no_show_student", "tutor", "NO_SHOW_STUDENT"),
    ("CONFIRMED", "mark_no_show_tutor", "admin", "NO_SHOW_TUTOR"),
    ("CONFIRMED", "mark_no_show_tutor", "system", "NO_SHOW_TUTOR"),
    ("COMPLETED", "mark_no_show_student", "tutor", "NO_SHOW_STUDENT"),
    ("COMPLETED", "mark_no_show_tutor", "admin", "NO_SHOW_TUTOR"),
    ("COMPLETED", "mark_no_show_tutor", "system", "NO_SHOW_TUTOR"),
}


@pytest.mark.parametrize(("status", "move", "by"), list(product(Status, Move, By)))
def test_every_move_is_allowed_exactly_where_it_is_written(status: Status, move: Move, by: By) -> None:
    allowed = {new for old, m, b, new in TRANSITIONS if (old, m, b) == (status, move, by)}

    try:
        found = {str(after(status, move, by))}
    except (WrongState, NotYourMove):
        found = set()

    assert found == allowed


def test_whose_move_it_is_not_is_told_apart_from_a_wrong_state() -> None:
    with pytest.raises(NotYourMove, match="other side"):
        after(Status.PENDING, Move.CONFIRM, By.STUDENT)
    with pytest.raises(WrongState, match="CANCELLED"):
        after(Status.CANCELLED, Move.CONFIRM, By.TUTOR)


def test_nothing_leaves_a_final_state() -> None:
    final = set(Status) - {Status.PENDING, Status.CONFIRMED, Status.COMPLETED}

    assert not [key for key in MOVES if key[0] in final]


class Life(RuleBasedStateMachine):
    """Anybody tries anything at any time; a model that only knows names and deadlines must agree with the rules."""

    @initialize(starts_in=st.integers(12, 24 * 12 * 5))
    def request(self, starts_in: int) -> None:
        self.now = NOW
        self.lesson = rules.requested(NOW + timedelta(minutes=5 * starts_in), 60, Decimal(10), NOW)
        self.paid, self.model = Decimal(10), "PENDING"

    @rule(minutes=st.integers(1, 60 * 30))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        if self.model == "PENDING" and self.now >= self.lesson.respond_by:
            self.model = "EXPIRED"
        if self.model == "CONFIRMED" and self.now >= self.lesson.end_at:
            self.model = "COMPLETED"

    @rule(move=st.sampled_from([m for m in Move if m not in (Move.REQUEST, Move.RESCHEDULE)]), by=st.sampled_from(By))
    def move(self, move: Move, by: By) -> None:
        if by is By.SYSTEM and not self.system_may(move):
            return
        before, expected = self.lesson, self.expected(move, by)
        try:
            verdict = rules.moved(before, move, by, self.now)
        except Refusal:
            assert expected is None
            return
        assert verdict.lesson.status == expected
        self.lesson, self.model = verdict.lesson, str(verdict.lesson.status)
        if verdict.paid_back:
            self.paid -= 10

    def expected(self, move: Move, by: By) -> str | None:
        """The status after the move, or None where it is to be refused."""
        found = str(self.lesson.status) if by is By.SYSTEM else self.model
        new = next((n for old, m, b, n in TRANSITIONS if (old, m, b) == (found, move, by)), None)
        starts, ends = self.lesson.start_at, self.lesson.end_at
        if move is Move.CANCEL and by is not By.SYSTEM and self.now >= starts:
            return None
        if move in (Move.MISS_STUDENT, Move.MISS_TUTOR):
            return new if starts + HOUR / 6 <= self.now <= ends + 24 * HOUR else None
        return new

    def system_may(self, move: Move) -> bool:
        """The worker makes a move only when it is due; the end of an account cancels only what is still to come."""
        if move is Move.CANCEL:
            return self.model in ("PENDING", "CONFIRMED") and self.now < self.lesson.start_at
        due = {Move.EXPIRE: ("PENDING", "EXPIRED"), Move.COMPLETE: ("CONFIRMED", "COMPLETED")}
        return (self.lesson.status, self.model) == due.get(move)

    @rule(by=st.sampled_from([By.STUDENT, By.TUTOR]), later=st.integers(-500, 5000))
    def reschedule(self, by: By, later: int) -> None:
        wanted = self.lesson.start_at + timedelta(minutes=5 * later)
        new = next((n for old, m, b, n in TRANSITIONS if (old, m, b) == (self.model, "reschedule", by)), None)
        in_time = self.now <= self.lesson.start_at - 12 * HOUR and self.lesson.times_moved < 3
        possible = later != 0 and self.now + HOUR <= wanted <= self.now + 180 * 24 * HOUR
        expected = new if in_time and possible else None
        try:
            verdict = rules.rescheduled(self.lesson, wanted, by, self.now)
        except Refusal:
            assert expected is None
            return
        assert verdict.lesson.status == expected
        self.lesson, self.model = verdict.lesson, str(verdict.lesson.status)

    @invariant()
    def money_is_paid_back_at_most_once(self) -> None:
        if hasattr(self, "paid"):
            assert self.paid in (0, 10)

    @invariant()
    def the_status_that_counts_is_the_models(self) -> None:
        if hasattr(self, "model"):
            assert rules.status_at(self.lesson, self.now) == self.model

    @invariant()
    def who_never_had_a_lesson_by_no_fault_of_theirs_pays_nothing(self) -> None:
        if hasattr(self, "lesson") and self.lesson.status in (Status.DECLINED, Status.EXPIRED, Status.NO_SHOW_TUTOR):
            assert self.paid == 0

    @invariant()
    def a_lesson_keeps_its_length_and_is_moved_three_times_at_most(self) -> None:
        if hasattr(self, "lesson"):
            assert self.lesson.end_at - self.lesson.start_at == HOUR
            assert self.lesson.times_moved <= 3


TestLife = Life.TestCase
