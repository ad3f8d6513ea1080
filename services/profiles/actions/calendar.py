"""One calendar, written in two ways: as a whole week, or window by window."""

from collections.abc import Sequence
from datetime import date, datetime

from services.profiles.actions import tutors
from services.profiles.queries import calendar
from services.profiles.queries.calendar import DayOff, Window
from services.profiles.queries.tutors import Profile
from services.profiles.rules.calendar import Span, check_apart, check_within_reach, oldest_day
from shared.db import Tx
from shared.errors import Conflict, NotFound

MOST_WINDOWS = 500  # of one tutor, not yet over
MOST_DAYS_OFF = 200


class TooManyWindows(Conflict):
    detail = f"A calendar holds at most {MOST_WINDOWS} windows and {MOST_DAYS_OFF} exceptions. Delete some first."


class WindowNotFound(NotFound):
    detail = "There is no such window in your calendar."


class ExceptionNotFound(NotFound):
    detail = "There is no such exception in your calendar."


async def replace_week(
    tx: Tx, tutor_id: int, timezone: str | None, spans: Sequence[Span], now: datetime
) -> tuple[Profile, list[Window]]:
    """These weekly windows instead of all before, in this zone (None: the zone stays). Windows of single dates stay.
    Raises `WindowsOverlap`, `TooManyWindows`."""
    check_apart(spans)
    profile = await tutors.get_for_update(tx, tutor_id)
    await tx.run(calendar.FORGET_PAST, tutor_id=tutor_id, since=oldest_day(now))
    await tx.run(calendar.CLEAR_WEEK, tutor_id=tutor_id)
    _check_room(await tutors.windows_of(tx, profile, now), spans)
    await _insert(tx, tutor_id, spans)
    profile = await tutors.edit(tx, tutor_id, now, own_timezone=timezone or profile.own_timezone)
    return profile, await tutors.windows_of(tx, profile, now)


async def add(tx: Tx, tutor_id: int, spans: Sequence[Span], now: datetime) -> list[Window]:
    """Add all of these or none. Raises `DateOutOfReach`, `WindowsOverlap`, `TooManyWindows`."""
    for span in spans:
        if span.on_date is not None:
            check_within_reach(span.on_date, now)
    profile = await tutors.get_for_update(tx, tutor_id)
    await tx.run(calendar.FORGET_PAST, tutor_id=tutor_id, since=oldest_day(now))
    kept = await tutors.windows_of(tx, profile, now)
    _check_room(kept, spans)
    check_apart(spans, [Span(w.weekday, w.on_date, w.start_minute, w.end_minute) for w in kept])
    added = await _insert(tx, tutor_id, spans)
    await tutors.changed(tx, tutor_id, now)
    return added


async def remove(tx: Tx, tutor_id: int, window_id: int, now: datetime) -> None:
    """Raises `WindowNotFound`."""
    await tutors.get_for_update(tx, tutor_id)  # the profile before its windows, as everybody locks them
    if not await tx.run(calendar.DELETE, tutor_id=tutor_id, window_id=window_id):
        raise WindowNotFound
    await tutors.changed(tx, tutor_id, now)


async def take_off(
    tx: Tx, tutor_id: int, first: date, last: date, part: tuple[int, int] | None, reason: str | None, now: datetime
) -> DayOff:
    """No lessons on these days (or in this part of each). Raises `DateOutOfReach`, `TooManyWindows`."""
    check_within_reach(last, now)
    profile = await tutors.get_for_update(tx, tutor_id)
    await tx.run(calendar.FORGET_PAST_DAYS_OFF, tutor_id=tutor_id, since=oldest_day(now))
    if len(await tutors.days_off_of(tx, profile, now)) >= MOST_DAYS_OFF:
        raise TooManyWindows
    start, end = part or (None, None)
    day = await tx.one(
        DayOff,
        calendar.ADD_DAY_OFF,
        tutor_id=tutor_id,
        first_date=first,
        last_date=last,
        start_minute=start,
        end_minute=end,
        reason=reason,
    )
    await tutors.changed(tx, tutor_id, now)
    return day


async def work_after_all(tx: Tx, tutor_id: int, day_off_id: int, now: datetime) -> None:
    """Delete an exception. Raises `ExceptionNotFound`."""
    await tutors.get_for_update(tx, tutor_id)
    if not await tx.run(calendar.DELETE_DAY_OFF, tutor_id=tutor_id, day_off_id=day_off_id):
        raise ExceptionNotFound
    await tutors.changed(tx, tutor_id, now)


def _check_room(kept: Sequence[Window], added: Sequence[Span]) -> None:
    if len(kept) + len(added) > MOST_WINDOWS:
        raise TooManyWindows


async def _insert(tx: Tx, tutor_id: int, spans: Sequence[Span]) -> list[Window]:
    """Written one statement for all; the table's own exclusion constraints watch over it."""
    return await tx.all(
        Window,
        calendar.ADD,
        tutor_id=tutor_id,
        weekdays=[s.weekday for s in spans],
        dates=[s.on_date for s in spans],
        starts=[s.start_minute for s in spans],
        ends=[s.end_minute for s in spans],
    )
