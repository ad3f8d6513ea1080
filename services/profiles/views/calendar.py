"""Calendars: times of day as `HH:MM` in the tutor's zone, `24:00` for the end of a day."""

import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, RootModel, StringConstraints, model_validator

from services.profiles.queries.calendar import DayOff, Window
from services.profiles.rules.calendar import DAY_NAMES, LONGEST_BREAK, Span, clock, minute_of
from shared.types import Reason, TimeZone


def _checked_clock(text: str) -> str:
    return clock(minute_of(text))


def _day_name(value: object) -> object:
    name = value.strip().lower() if isinstance(value, str) else value
    if name not in DAY_NAMES:
        raise ValueError(f"must be one of {', '.join(DAY_NAMES)}")
    return name


Clock = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_checked_clock)]
DayName = Annotated[str, BeforeValidator(_day_name)]


class _Hours(BaseModel):
    start_time: Clock
    end_time: Clock

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if minute_of(self.start_time) >= minute_of(self.end_time):
            raise ValueError("start_time must be before end_time (24:00 is the end of the day)")
        return self


class WeeklyWindow(_Hours):
    day_of_week: DayName

    def span(self) -> Span:
        return Span(DAY_NAMES.index(self.day_of_week), None, minute_of(self.start_time), minute_of(self.end_time))


class WeekRequest(BaseModel):
    timezone: TimeZone | None = None
    """Left out: the calendar's zone stays."""
    weekly_schedule: list[WeeklyWindow] = Field(max_length=200)


class WindowRequest(_Hours):
    """A weekly window, or (`is_recurring` false) one on a single `date`."""

    day_of_week: DayName | None = None
    is_recurring: bool = True
    date: datetime.date | None = None

    @model_validator(mode="after")
    def _has_its_day(self) -> Self:
        if self.is_recurring and self.day_of_week is None:
            raise ValueError("day_of_week: is needed for a window that recurs")
        if not self.is_recurring and self.date is None:
            raise ValueError("date: is needed for a window that does not recur")
        if self.is_recurring and self.date is not None:
            raise ValueError("date: is of a window that does not recur; send is_recurring false with it")
        if self.date and self.day_of_week and DAY_NAMES[self.date.weekday()] != self.day_of_week:
            raise ValueError(f"day_of_week: {self.date} is a {DAY_NAMES[self.date.weekday()]}")
        return self

    def span(self) -> Span:
        weekday = DAY_NAMES.index(self.day_of_week) if self.day_of_week else None
        if self.is_recurring:
            return Span(weekday, None, minute_of(self.start_time), minute_of(self.end_time))
        return Span(None, self.date, minute_of(self.start_time), minute_of(self.end_time))


class BulkRequest(BaseModel):
    slots: list[WindowRequest] = Field(min_length=1, max_length=200)


class WindowView(BaseModel):
    id: int
    day_of_week: str
    start_time: str
    end_time: str
    is_recurring: bool
    date: str | None
    """The one day that a window which does not recur stands on."""

    @classmethod
    def of(cls, window: Window) -> Self:
        weekday = window.weekday if window.on_date is None else window.on_date.weekday()
        return cls(
            id=window.id,
            day_of_week=DAY_NAMES[weekday or 0],
            start_time=clock(window.start_minute),
            end_time=clock(window.end_minute),
            is_recurring=window.on_date is None,
            date=window.on_date.isoformat() if window.on_date else None,
        )


class WindowsView(RootModel[list[WindowView]]):
    pass


class WeekView(BaseModel):
    timezone: str
    weekly_schedule: list[WindowView]


class ExceptionRequest(BaseModel):
    """Days off: `end_date` left out means one day; with times, only that part of each day."""

    start_date: datetime.date
    end_date: datetime.date | None = None
    start_time: Clock | None = None
    end_time: Clock | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not datetime.timedelta() <= self.last - self.start_date <= LONGEST_BREAK:
            raise ValueError("end_date must not be before start_date, nor more than a year after it")
        if (self.start_time is None) != (self.end_time is None):
            raise ValueError("send both start_time and end_time, or neither")
        if self.part and self.part[0] >= self.part[1]:
            raise ValueError("start_time must be before end_time (24:00 is the end of the day)")
        return self

    @property
    def last(self) -> datetime.date:
        return self.end_date or self.start_date

    @property
    def part(self) -> tuple[int, int] | None:
        if self.start_time is None or self.end_time is None:
            return None
        return minute_of(self.start_time), minute_of(self.end_time)


class ExceptionView(BaseModel):
    id: int
    start_date: datetime.date
    end_date: datetime.date
    start_time: str | None
    end_time: str | None
    reason: str | None

    @classmethod
    def of(cls, day: DayOff) -> Self:
        return cls(
            id=day.id,
            start_date=day.first_date,
            end_date=day.last_date,
            start_time=None if day.start_minute is None else clock(day.start_minute),
            end_time=None if day.end_minute is None else clock(day.end_minute),
            reason=day.reason,
        )
