"""Fields that several requests share."""

from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from shared.types import Note, Reason

T = TypeVar("T")


def _quarter_hours(minutes: int) -> int:
    if minutes % 15:
        raise ValueError("must be a multiple of 15")
    return minutes


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Minutes = Annotated[int, Field(ge=15, le=480), AfterValidator(_quarter_hours)]
MaybeNote = Annotated[Note | None, BeforeValidator(_none_if_blank)]
MaybeReason = Annotated[Reason | None, BeforeValidator(_none_if_blank)]


def minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)


def required(value: Any) -> Any:
    """For `PATCH` fields that may be left out, but not be emptied."""
    if value is None:
        raise ValueError("must not be null")
    return value
