"""The states of a lesson and who may move it where: one table."""

from enum import StrEnum

from shared.errors import BadRequest, Forbidden


class Status(StrEnum):
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    COMPLETED = "COMPLETED"
    NO_SHOW_STUDENT = "NO_SHOW_STUDENT"
    NO_SHOW_TUTOR = "NO_SHOW_TUTOR"


class By(StrEnum):
    """In which capacity somebody moves a lesson; `SYSTEM` is time, or the end of an account."""

    STUDENT = "student"
    TUTOR = "tutor"
    ADMIN = "admin"
    SYSTEM = "system"


class Move(StrEnum):
    REQUEST = "request"
    CONFIRM = "confirm"
    DECLINE = "decline"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    EXPIRE = "expire"
    COMPLETE = "complete"
    MISS_STUDENT = "mark_no_show_student"
    MISS_TUTOR = "mark_no_show_tutor"


WORDS = {
    Move.REQUEST: "be requested",
    Move.CONFIRM: "be confirmed",
    Move.DECLINE: "be declined",
    Move.CANCEL: "be cancelled",
    Move.RESCHEDULE: "be moved",
    Move.EXPIRE: "expire",
    Move.COMPLETE: "be completed",
    Move.MISS_STUDENT: "be marked as missed by the student",
    Move.MISS_TUTOR: "be marked as missed by the tutor",
}
LIVE = frozenset({Status.PENDING, Status.CONFIRMED})

MOVES: dict[tuple[Status, Move], dict[By, Status]] = {
    (Status.PENDING, Move.CONFIRM): {By.TUTOR: Status.CONFIRMED},
    (Status.PENDING, Move.DECLINE): {By.TUTOR: Status.DECLINED},
    (Status.PENDING, Move.CANCEL): dict.fromkeys((By.STUDENT, By.TUTOR, By.SYSTEM), Status.CANCELLED),
    (Status.PENDING, Move.RESCHEDULE): dict.fromkeys((By.STUDENT, By.TUTOR), Status.PENDING),
    (Status.PENDING, Move.EXPIRE): {By.SYSTEM: Status.EXPIRED},
    (Status.CONFIRMED, Move.CANCEL): dict.fromkeys((By.STUDENT, By.TUTOR, By.SYSTEM), Status.CANCELLED),
    # The tutor agreed to a time, not to the one the student now wants; the student may cancel what the tutor moved.
    (Status.CONFIRMED, Move.RESCHEDULE): {By.STUDENT: Status.PENDING, By.TUTOR: Status.CONFIRMED},
    (Status.CONFIRMED, Move.COMPLETE): {By.SYSTEM: Status.COMPLETED},
    (Status.CONFIRMED, Move.MISS_STUDENT): {By.TUTOR: Status.NO_SHOW_STUDENT},
    (Status.CONFIRMED, Move.MISS_TUTOR): dict.fromkeys((By.ADMIN, By.SYSTEM), Status.NO_SHOW_TUTOR),
    (Status.COMPLETED, Move.MISS_STUDENT): {By.TUTOR: Status.NO_SHOW_STUDENT},
    (Status.COMPLETED, Move.MISS_TUTOR): dict.fromkeys((By.ADMIN, By.SYSTEM), Status.NO_SHOW_TUTOR),
}


class WrongState(BadRequest):
    detail = "The booking's state does not allow this."


class NotYourMove(Forbidden):
    detail = "The other side of the booking decides this."


def after(status: Status, move: Move, by: By) -> Status:
    """The status after `move`, if the state allows it and it is `by`'s to make."""
    allowed = MOVES.get((status, move))
    if allowed is None:
        raise WrongState(f"The booking is {status}: it cannot {WORDS[move]}.")
    if by not in allowed:
        raise NotYourMove
    return allowed[by]
