"""Field types of requests and views: text as people may send it, instants and money as clients expect them."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

T = TypeVar("T")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_BREAK = re.compile(r"[\t\n\r\u2028\u2029]")
_BREAKS_OF_WORD_PROCESSORS = re.compile(r"[\u2028\u2029]")
_MARKS_AS_STARTERS = "\u0f73\u0f75\u0f81"  # of class 0, and yet they decompose to marks only
SHRINKS_BY = 4  # code points that NFC makes one of, at most
MAX_MARKS = 30  # in a row: the stream-safe format of UAX 15
# The database's own list: what lies in a machine's folder of zones differs, and has "localtime" in it, which is wherever that
# machine is. "Factory" is the database's word for a clock that nobody has set.
_ZONES = frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
MAX_ID = 2**63 - 1


def format_instant(at: datetime) -> str:
    """`2025-01-24T10:30:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(max_length: int) -> Callable[[object], object]:
    """Trims and normalises (NFC) texts that may become ones of `max_length`. A longer one passes as it is, to be refused for its
    length; of a long run of marks, putting them into order takes time by its square, and holds the interpreter for it."""

    def clean(value: object) -> object:
        if not isinstance(value, str) or len(value := value.strip()) > SHRINKS_BY * max_length or value.isascii():
            return value
        if _has_long_run_of_marks(value):
            raise ValueError(f"must not have more than {MAX_MARKS} combining marks in a row")
        return unicodedata.normalize("NFC", value).strip()

    return clean


def _length(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most)


def _has_long_run_of_marks(value: str) -> bool:
    run = 0
    for character in value:
        run = run + 1 if unicodedata.combining(character) or character in _MARKS_AS_STARTERS else 0
        if run > MAX_MARKS:
            return True
    return False


def _no_control(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def _lines(value: str) -> str:
    return _no_control(_BREAKS_OF_WORD_PROCESSORS.sub("\n", value))


def _one_line(value: str) -> str:
    if _LINE_BREAK.search(value):
        raise ValueError("must be a single line")
    return _no_control(value)


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _zone(value: str) -> str:
    if value not in _ZONES:
        raise ValueError("must be an IANA time zone such as Europe/Kyiv")
    ZoneInfo(value)
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # of the first and the last day that there are
        raise ValueError("is out of range") from error


# A constraint right of the cleaner would hold after it just the same, and speak of "items".
Name = Annotated[str, _length(100), BeforeValidator(_clean(100)), AfterValidator(_one_line)]
Title = Annotated[str, _length(120), BeforeValidator(_clean(120)), AfterValidator(_one_line)]
Headline = Annotated[str, _length(160), BeforeValidator(_clean(160)), AfterValidator(_one_line)]
SearchTerm = Annotated[str, _length(100), BeforeValidator(_clean(100)), AfterValidator(_one_line)]
Reason = Annotated[str, _length(500), BeforeValidator(_clean(500)), AfterValidator(_lines)]
Note = Annotated[str, _length(2000), BeforeValidator(_clean(2000)), AfterValidator(_lines)]
LongText = Annotated[str, _length(5000), BeforeValidator(_clean(5000)), AfterValidator(_lines)]
TimeZone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(_zone)]
Id = Annotated[int, Field(gt=0, le=MAX_ID)]

Maybe = Annotated[T | None, BeforeValidator(_none_if_blank)]
"""What may come as an empty text: front ends send what nobody filled in as it is."""

Instant = Annotated[
    AwareDatetime,
    AfterValidator(_utc),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time: needs an offset on input, UTC with milliseconds in JSON."""

Money = Annotated[Decimal, Field(max_digits=12, decimal_places=2), PlainSerializer(float, return_type=float, when_used="json")]
"""An amount, exact inside, a JSON number outside; always beside its currency."""
