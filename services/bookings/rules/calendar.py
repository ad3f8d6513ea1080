"""A tutor's calendar, kept in local time and expanded to instants, right also on days when the clocks change.

The tutor is there at an instant if the clock on the tutor's wall then shows a time inside a window of that day, and none inside
a day off. An hour that the clocks skip is in no window; an hour they repeat is in it twice."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Self
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
FAR = datetime.max.replace(tzinfo=UTC)
Span = tuple[datetime, datetime]
"""From the first, up to but not including the second."""


@dataclass(frozen=True, slots=True)
class Window:
    """Local time from `start` to `end` (since midnight), each week on `weekday` (0 = Monday) or on the day `on` alone."""

    start: timedelta
    end: timedelta
    weekday: int | None = None
    on: date | None = None

    def stands(self, day: date) -> bool:
        return self.on == day if self.on is not None else self.weekday == day.weekday()


@dataclass(frozen=True, slots=True)
class DayOff:
    """From `start` to `end` (since midnight) of each day from `first` to `last`, both included."""

    first: date
    last: date
    start: timedelta = timedelta(0)
    end: timedelta = DAY

    def stands(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Calendar:
    zone: ZoneInfo
    windows: tuple[Window, ...]
    days_off: tuple[DayOff, ...]

    @classmethod
    def read(cls, timezone: str, windows: list[dict[str, Any]], days_off: list[dict[str, Any]]) -> Self:
        """From the JSON of the tutor's events."""
        return cls(
            ZoneInfo(timezone),
            tuple(Window(_time(w["start"]), _time(w["end"]) or DAY, w.get("weekday"), _date(w.get("on"))) for w in windows),
            tuple(
                DayOff(
                    date.fromisoformat(d["first"]),
                    date.fromisoformat(d["last"]),
                    _time(d.get("start") or "00:00"),
                    _time(d.get("end") or "00:00") or DAY,
                )
                for d in days_off
            ),
        )

    def open_windows(self, span: Span) -> list[Span]:
        """Every stretch of a window that touches `span`, in order; days off are not taken out."""
        return self._expand(self.windows, span)

    def open_time(self, span: Span) -> list[Span]:
        """When the tutor is there around `span`: windows joined, days off taken out."""
        return without(joined(self.open_windows(span)), joined(self._expand(self.days_off, span)))

    def is_open(self, start: datetime, end: datetime) -> bool:
        """Whether a lesson from `start` to `end` lies wholly inside the calendar."""
        return covers(self.open_time((start, end)), start, end)

    def _expand(self, rules: "tuple[Window, ...] | tuple[DayOff, ...]", span: Span) -> list[Span]:
        # A window is a day long at most (25 hours when clocks go back): none that reaches into the span is cut off by these.
        offsets = _offsets(self.zone, span[0] - 2 * DAY, span[1] + 2 * DAY)
        days = _days(offsets)
        return sorted(stretch for rule in rules for day in days if rule.stands(day) for stretch in _stretches(rule, day, offsets))


def joined(spans: list[Span]) -> list[Span]:
    """The union of sorted spans: apart from each other, in order."""
    union: list[Span] = []
    for start, end in spans:
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union


def without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """What of `spans` is in none of `taken`; both apart from each other and in order."""
    left: list[Span] = []
    first = 0  # of those taken that end after the span begins: a calendar may hold thousands of both
    for start, end in spans:
        at = start
        while first < len(taken) and taken[first][1] <= start:
            first += 1
        index = first
        while index < len(taken) and taken[index][0] < end:
            if taken[index][0] > at:
                left.append((at, taken[index][0]))
            at = taken[index][1]
            index += 1
        if at < end:
            left.append((at, end))
    return left


def covers(spans: list[Span], start: datetime, end: datetime) -> bool:
    """Whether one of `spans` (apart from each other, in order) holds all of start to end."""
    at = bisect_right(spans, (start, FAR)) - 1
    return at >= 0 and end <= spans[at][1]


def _stretches(rule: Window | DayOff, day: date, offsets: list[tuple[datetime, datetime, timedelta]]) -> list[Span]:
    """The instants at which the clock shows the rule's times of `day`: one stretch, but for days on which the clocks change."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = [
        (max(midnight - offset + rule.start, since), min(midnight - offset + rule.end, until)) for since, until, offset in offsets
    ]
    return joined([(start, end) for start, end in found if start < end])


def _days(offsets: list[tuple[datetime, datetime, timedelta]]) -> list[date]:
    """The local dates of the whole range."""
    (since, _, first_offset), (_, until, last_offset) = offsets[0], offsets[-1]
    first, last = (since + first_offset).date(), (until + last_offset).date()
    return [first + DAY * n for n in range((last - first).days + 1)]


def _offsets(zone: ZoneInfo, low: datetime, high: datetime) -> list[tuple[datetime, datetime, timedelta]]:
    """The stretches between low and high during which the zone keeps one offset from UTC."""
    days = [low + DAY * n for n in range((high - low) // DAY + 1)]
    edges = [low, *(_change(zone, a, b) for a, b in pairwise([*days, high]) if _offset(zone, a) != _offset(zone, b)), high]
    return [(since, until, _offset(zone, since)) for since, until in pairwise(edges) if since < until]


def _change(zone: ZoneInfo, before: datetime, later: datetime) -> datetime:
    """The first second of the new offset; there is one change between the two instants, which are at most a day apart."""
    old, low, high = _offset(zone, before), 0, int((later - before).total_seconds()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, before + timedelta(seconds=middle)) == old else (low, middle)
    return before + timedelta(seconds=high)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _time(text: str) -> timedelta:
    hours, minutes, *seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
