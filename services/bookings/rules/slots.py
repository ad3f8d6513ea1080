"""Free slots: where in a tutor's calendar a lesson of some length could be booked now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.bookings.rules.calendar import Calendar, Span, covers, joined, without
from services.bookings.rules.lessons import EPOCH, FURTHEST, SOONEST, STEP

EVERY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Slot:
    start_at: datetime
    end_at: datetime
    is_available: bool


def slots(calendar: Calendar, busy: list[Span], span: Span, duration: timedelta, now: datetime) -> list[Slot]:
    """Every slot that starts inside `span` and fits the calendar. `busy` is what live lessons take, in any order.

    Slots start every 30 minutes from the start of each window (from the next five minutes on the clock, if it starts between)."""
    reach = (span[0], span[1] + duration)
    open_time = calendar.open_time(reach)
    free = without(open_time, joined(sorted(busy)))
    starts = {start for window in calendar.open_windows(reach) for start in _starts(window) if span[0] <= start < span[1]}
    return [
        Slot(start, start + duration, _bookable(start, now) and covers(free, start, start + duration))
        for start in sorted(starts)
        if covers(open_time, start, start + duration)
    ]


def _starts(window: Span) -> list[datetime]:
    first = window[0] + (EPOCH - window[0]) % STEP
    return [first + EVERY * n for n in range(max(-((first - window[1]) // EVERY), 0))]


def _bookable(start: datetime, now: datetime) -> bool:
    return now + SOONEST <= start <= now + FURTHEST
