"""The way of a tutor profile to its approval."""

from decimal import Decimal
from enum import StrEnum

from shared.errors import BadRequest


class Status(StrEnum):
    INCOMPLETE = "incomplete"
    PENDING = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"


class Step(StrEnum):
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"


# An approval can be taken back, and a rejection too: administrators err.
MOVES = {
    (Status.INCOMPLETE, Step.SUBMIT): Status.PENDING,
    (Status.REJECTED, Step.SUBMIT): Status.PENDING,
    (Status.PENDING, Step.APPROVE): Status.APPROVED,
    (Status.REJECTED, Step.APPROVE): Status.APPROVED,
    (Status.PENDING, Step.REJECT): Status.REJECTED,
    (Status.APPROVED, Step.REJECT): Status.REJECTED,
}


class WrongStatus(BadRequest):
    pass


class ProfileIncomplete(BadRequest):
    pass


def move(status: Status, step: Step) -> Status:
    """The status after `step`. Raises `WrongStatus`."""
    if (status, step) not in MOVES:
        raise WrongStatus(f"A profile that is {status.replace('_', ' ')} does not allow: {step}.")
    return MOVES[status, step]


def check_complete(
    *, title: str | None, bio: str | None, subjects: int, hourly_rate: Decimal | None, weekly_windows: int
) -> None:
    """Raises `ProfileIncomplete` with everything that is still missing."""
    has = {
        "title": bool(title),
        "bio": bool(bio),
        "subjects": subjects > 0,
        "hourly_rate": hourly_rate is not None,
        "availability": weekly_windows > 0,
    }
    missing = [field for field, there in has.items() if not there]
    if missing:
        errors = [{"field": field, "message": "is missing"} for field in missing]
        raise ProfileIncomplete(f"The profile is not complete: {', '.join(missing)} missing.", errors=errors)
