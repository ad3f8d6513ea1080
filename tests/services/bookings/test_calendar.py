"""Calendars and slots against a slow reference that looks at every five minutes of the clock on the tutor's wall."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.bookings.rules.calendar import Calendar, DayOff, Span, Window, joined, without
from services.bookings.rules.slots import slots

FIVE, HALF_HOUR, DAY = timedelta(minutes=5), timedelta(minutes=30), timedelta(days=1)
ZONES = ["America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Europe/London", "Australia/Lord_Howe", "Pacific/Chatham",
         "America/Santiago", "Pacific/Apia", "Africa/Casablanca", "America/St_Johns"]  # fmt: skip
CHANGES = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 10, 4),
           date(2026, 9, 6), date(2026, 2, 15), date(2026, 3, 22)]  # fmt: skip
"""Days on which clocks change in New York, London, Lord Howe and Chatham: north and south; in Santiago, which skips midnight; and
in Casablanca, around Ramadan."""


def clock(zone: ZoneInfo, at: datetime) -> tuple[date, timedelta]:
    """What the wall shows."""
    local = at.astimezone(zone)
    return local.date(), timedelta(hours=local.hour, minutes=local.minute)


def is_in(rules: tuple[Window, ...] | tuple[DayOff, ...], zone: ZoneInfo, at: datetime) -> bool:
    day, time = clock(zone, at)
    return any(rule.stands(day) and rule.start <= time < rule.end for rule in rules)


def is_open(calendar: Calendar, at: datetime) -> bool:
    return is_in(calendar.windows, calendar.zone, at) and not is_in(calendar.days_off, calendar.zone, at)


def reference_starts(calendar: Calendar, span: Span) -> set[datetime]:
    """Every half hour from each instant at which some window begins: it holds now, and did not five minutes ago."""
    found = set()
    for window in calendar.windows:
        at, since = span[0] - 2 * DAY, None
        while at < span[1]:
            if not is_in((window,), calendar.zone, at):
                since = None
            elif since is None or (_whole_day(window) and clock(calendar.zone, at)[1] == timedelta(0)):
                since = at
            if since is not None and (at - since) % HALF_HOUR == timedelta(0) and at >= span[0]:
                found.add(at)
            at += FIVE
    return found


def _whole_day(window: Window) -> bool:
    return window.start == timedelta(0) and window.end == DAY


def reference_slots(calendar: Calendar, busy: list[Span], span: Span, duration: timedelta) -> list[tuple[datetime, bool]]:
    found = []
    for start in sorted(reference_starts(calendar, span)):
        instants = [start + FIVE * n for n in range(duration // FIVE)]
        if all(is_open(calendar, at) for at in instants):
            found.append((start, not any(a <= at < b for at in instants for a, b in busy)))
    return found


times = st.integers(0, 287).map(lambda n: FIVE * n)


@st.composite
def windows(draw: st.DrawFn, days: list[date]) -> Window:
    start = draw(times)
    end = draw(st.integers(start // FIVE + 1, 288).map(lambda n: FIVE * n))
    if draw(st.booleans()):
        return Window(start, end, weekday=draw(st.sampled_from(days)).weekday())
    return Window(start, end, on=draw(st.sampled_from(days)))


@st.composite
def days_off(draw: st.DrawFn, days: list[date]) -> DayOff:
    first = draw(st.sampled_from(days))
    start = draw(times)
    return DayOff(
        first,
        first + DAY * draw(st.integers(0, 1)),
        start,
        draw(st.sampled_from([start + FIVE, min(start + 90 * FIVE, DAY), DAY])),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Calendar, list[Span], Span, timedelta]:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    first = draw(st.sampled_from(CHANGES)) - DAY * draw(st.integers(0, 1))
    days = [first + DAY * n for n in range(-1, 3)]
    calendar = Calendar(
        zone,
        tuple(draw(st.lists(windows(days), min_size=1, max_size=3))),
        tuple(draw(st.lists(days_off(days), max_size=1))),
    )
    low = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    span = (low, low + DAY * draw(st.integers(1, 2)))
    busy = [
        (start, start + FIVE * 3 * draw(st.integers(1, 8)))
        for start in (low + FIVE * n for n in draw(st.lists(st.integers(-100, 600), max_size=3)))
    ]
    return calendar, busy, span, timedelta(minutes=15 * draw(st.integers(1, 12)))


@settings(max_examples=120, deadline=None)
@given(situations())
def test_slots_are_those_of_the_slow_reference(situation: tuple[Calendar, list[Span], Span, timedelta]) -> None:
    calendar, busy, span, duration = situation

    found = slots(calendar, busy, span, duration, now=span[0] - 30 * DAY)

    assert [(slot.start_at, slot.is_available) for slot in found] == reference_slots(calendar, busy, span, duration)
    assert all(calendar.is_open(slot.start_at, slot.end_at) for slot in found)


@settings(max_examples=60, deadline=None)
@given(situations(), st.integers(0, 500))
def test_a_time_is_open_if_each_of_its_minutes_is(situation: tuple[Calendar, list[Span], Span, timedelta], offset: int) -> None:
    calendar, _, span, duration = situation
    start = span[0] + FIVE * offset

    expected = all(is_open(calendar, start + FIVE * n) for n in range(duration // FIVE))

    assert calendar.is_open(start, start + duration) is expected


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("America/New_York", date(2026, 3, 9), "2026-03-09T13:00Z", "2026-03-09T21:00Z"),
        ("America/New_York", date(2026, 3, 6), "2026-03-06T14:00Z", "2026-03-06T22:00Z"),
        ("Asia/Tokyo", date(2026, 3, 9), "2026-03-09T00:00Z", "2026-03-09T08:00Z"),
        ("Asia/Kolkata", date(2026, 3, 9), "2026-03-09T03:30Z", "2026-03-09T11:30Z"),
        ("Europe/London", date(2026, 3, 30), "2026-03-30T08:00Z", "2026-03-30T16:00Z"),
    ],
)
def test_nine_to_five_is_where_the_tutor_is(zone: str, day: date, start: str, end: str) -> None:
    calendar = Calendar(ZoneInfo(zone), (Window(timedelta(hours=9), timedelta(hours=17), on=day),), ())
    begin, finish = datetime.fromisoformat(start), datetime.fromisoformat(end)

    assert calendar.open_time((begin - DAY, finish + DAY)) == [(begin, finish)]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)],
)
def test_a_whole_day_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    calendar = Calendar(ZoneInfo("America/New_York"), (Window(timedelta(0), DAY, on=day),), ())
    noon = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)

    ((start, end),) = calendar.open_time((noon, noon))

    assert end - start == timedelta(hours=hours)


def test_a_lesson_may_run_over_midnight_where_windows_meet() -> None:
    evening, night = Window(timedelta(hours=22), DAY, weekday=0), Window(timedelta(0), timedelta(hours=2), weekday=1)
    calendar = Calendar(ZoneInfo("Asia/Tokyo"), (evening, night), ())
    late = datetime(2026, 3, 2, 23, 30, tzinfo=calendar.zone).astimezone(UTC)

    assert calendar.is_open(late, late + timedelta(hours=1))


def test_a_window_that_begins_off_the_five_minutes_offers_slots_on_them() -> None:
    calendar = Calendar(ZoneInfo("UTC"), (Window(timedelta(hours=9, minutes=7), timedelta(hours=11), on=date(2026, 3, 2)),), ())
    day = datetime(2026, 3, 2, tzinfo=UTC)

    found = slots(calendar, [], (day, day + DAY), timedelta(hours=1), day - DAY)

    assert [slot.start_at.strftime("%H:%M") for slot in found] == ["09:10", "09:40"]


def test_slots_too_soon_or_too_far_are_not_available() -> None:
    calendar = Calendar(ZoneInfo("UTC"), tuple(Window(timedelta(0), DAY, weekday=n) for n in range(7)), ())
    day = datetime(2026, 3, 2, tzinfo=UTC)

    near = slots(calendar, [], (day, day + DAY), timedelta(hours=1), now=day + timedelta(hours=10))
    far = slots(calendar, [], (day, day + DAY), timedelta(hours=1), now=day + timedelta(hours=10) - timedelta(days=180))

    assert next(s.start_at for s in near if s.is_available) == day + timedelta(hours=11)
    assert [s.start_at for s in far if s.is_available][-1] == day + timedelta(hours=10)


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
lengths = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(
    lambda p: (NEW_YEAR + FIVE * p[0], NEW_YEAR + FIVE * (p[0] + p[1]))
)
spans = st.lists(lengths, max_size=6).map(sorted)


@given(spans, spans)
@example([], [])
def test_what_is_left_of_spans_is_what_is_in_them_and_not_in_the_others(spans: list[Span], taken: list[Span]) -> None:
    left = without(joined(spans), joined(taken))

    for n in range(90):
        at = NEW_YEAR + FIVE * n
        expected = any(a <= at < b for a, b in spans) and not any(a <= at < b for a, b in taken)
        assert any(a <= at < b for a, b in left) is expected
