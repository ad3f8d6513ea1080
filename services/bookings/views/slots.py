"""Free slots as clients ask for and see them."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from pydantic import BaseModel

from services.bookings.rules.calendar import Span
from services.bookings.rules.slots import Slot
from services.bookings.views.fields import Minutes
from shared.errors import Invalid
from shared.types import Instant, TimeZone, format_instant

MOST_DAYS = 31
FIRST_YEAR, LAST_YEAR = 2000, 2200


class InvalidRange(Invalid):
    detail = f"end_date must not be before start_date, nor more than {MOST_DAYS} days be asked for at once."


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """What is asked for. The dates are days in `timezone`, or else in the tutor's zone; both are included."""

    start_date: date
    end_date: date
    duration: timedelta
    include_unavailable: bool
    timezone: str | None

    def span(self, tutors_zone: str) -> Span:
        zone = ZoneInfo(self.timezone or tutors_zone)
        return _midnight(self.start_date, zone), _midnight(self.end_date + timedelta(days=1), zone)


class SlotView(BaseModel):
    start_time: Instant
    end_time: Instant
    is_available: bool


def to_json(slots: list[Slot]) -> bytes:
    """A list of `SlotView`, written directly: a month of a busy tutor is 1,500 slots, and making models of them takes longest."""
    plain = [
        {"start_time": format_instant(s.start_at), "end_time": format_instant(s.end_at), "is_available": s.is_available}
        for s in slots
    ]
    return json.dumps(plain, separators=(",", ":")).encode()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC"))


async def _query(
    start_date: date,
    end_date: date,
    duration_minutes: Minutes = 60,
    include_unavailable: Annotated[bool, Query()] = False,
    timezone: TimeZone | None = None,
) -> SlotQuery:
    if not 1 <= (end_date - start_date).days + 1 <= MOST_DAYS:
        raise InvalidRange
    if not FIRST_YEAR <= start_date.year <= end_date.year <= LAST_YEAR:
        raise InvalidRange(f"Dates are from {FIRST_YEAR} to {LAST_YEAR}.")
    return SlotQuery(start_date, end_date, timedelta(minutes=duration_minutes), include_unavailable, timezone)


Slots = Annotated[SlotQuery, Depends(_query)]
