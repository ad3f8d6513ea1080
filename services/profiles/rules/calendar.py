"""Windows of a tutor's calendar: minutes of a local day, from 00:00 to 24:00."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from shared.errors import Conflict, Invalid

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = 24 * 60
LONGEST_BREAK = timedelta(days=366)
FURTHEST = timedelta(days=2 * 366)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:00)?", re.ASCII)


class WindowsOverlap(Conflict):
    pass


class DateOutOfReach(Invalid):
    pass


@dataclass(frozen=True, slots=True)
class Span:
    """A window to be: weekly on `weekday` (0 = Monday) or on the one day `on_date`; minutes from local midnight."""

    weekday: int | None
    on_date: date | None
    start_minute: int
    end_minute: int

    def __str__(self) -> str:
        day = DAY_NAMES[self.weekday] if self.weekday is not None else str(self.on_date)
        return f"{day} {clock(self.start_minute)}–{clock(self.end_minute)}"


def minute_of(text: str) -> int:
    """`09:30` (or `09:30:00`) → 570. `24:00` is the end of the day. Raises `ValueError`."""
    if text in ("24:00", "24:00:00"):
        return MIDNIGHT
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError("must be a time of day such as 09:30")
    return int(found[1]) * 60 + int(found[2])


def clock(minute: int) -> str:
    """570 → `09:30`, 1440 → `24:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def time_of(minute: int) -> time:
    """As events carry it: midnight after the day is 00:00."""
    return time(minute // 60 % 24, minute % 60)


def check_apart(added: Sequence[Span], kept: Iterable[Span] = ()) -> None:
    """Raises `WindowsOverlap` when two weekly windows, or two of one date, share a minute.

    A dated window may overlap a weekly one: it adds to that day, and the two count as united."""
    days: dict[tuple[int | None, date | None], list[Span]] = {}
    for span in (*kept, *added):
        days.setdefault((span.weekday, span.on_date), []).append(span)
    for spans in days.values():
        for first, second in pairwise(sorted(spans, key=lambda s: (s.start_minute, s.end_minute))):
            if second.start_minute < first.end_minute:
                raise WindowsOverlap(f"{second} overlaps {first}.")


def check_within_reach(last: date, now: datetime) -> None:
    """Raises `DateOutOfReach` for what ended already, and for what ends in more than about two years: a typing error, mostly."""
    if not timedelta() <= last - oldest_day(now) <= FURTHEST:
        raise DateOutOfReach(f"{last} is over, or more than two years ahead.")


def oldest_day(now: datetime) -> date:
    """The earliest day that is today anywhere on Earth (zones reach to UTC-12): what was over before it concerns nobody."""
    return (now.astimezone(UTC) - timedelta(hours=12)).date()
