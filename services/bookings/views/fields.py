"""Fields that several requests share."""

from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from shared.types import Maybe, Note, Reason

T = TypeVar("T")


def _quarter_hours(minutes: int) -> int:
    if minutes % 15:
        raise ValueError("must be a multiple of 15")
    return minutes


Minutes = Annotated[int, Field(ge=15, le=480), AfterValidator(_quarter_hours)]
MaybeNote = Maybe[Note]
MaybeReason = Maybe[Reason]


def minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)


def required(value: Any) -> Any:
    """For `PATCH` fields that may be left out, but not be emptied."""
    if value is None:
        raise ValueError("must not be null")
    return value
