"""Field types that several requests share."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints

from services.profiles import reference

FIRST_YEAR = 1950
T = TypeVar("T")


def _given(value: T | None) -> T:
    if value is None:
        raise ValueError("cannot be cleared: leave it out, or send a value")
    return value


def _currency(code: str) -> str:
    if code not in reference.CURRENCIES:
        raise ValueError(f"must be one of {', '.join(reference.CURRENCIES)}")
    return code


def _not_in_the_future(year: int) -> int:
    if not FIRST_YEAR <= year <= datetime.now(UTC).year:
        raise ValueError(f"must be a year from {FIRST_YEAR} to now")
    return year


def _language(value: object) -> object:
    return reference.language_code(value) if isinstance(value, str) else value


Kept = Annotated[T | None, AfterValidator(_given)]
"""A field of a PATCH that may be left out but not be null."""
Currency = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_currency)]
Year = Annotated[int, AfterValidator(_not_in_the_future)]
Language = Annotated[str, BeforeValidator(_language)]
"""An ISO 639-1 code; accepted as an English name too."""
Rate = Annotated[
    Decimal,
    Field(ge=1, le=1000, max_digits=12, decimal_places=2),
    PlainSerializer(float, return_type=float, when_used="json"),
]
"""The price of an hour."""
