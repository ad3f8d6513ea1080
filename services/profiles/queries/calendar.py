"""Windows and days off."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Window:
    id: int
    tutor_id: int
    weekday: int | None
    on_date: date | None
    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class DayOff:
    id: int
    first_date: date
    last_date: date
    start_minute: int | None
    end_minute: int | None
    reason: str | None


WINDOWS = """
SELECT id, tutor_id, weekday, on_date, start_minute, end_minute FROM windows
WHERE tutor_id = ANY(%(tutor_ids)s::bigint[]) AND (on_date IS NULL OR on_date >= %(since)s::date)
ORDER BY on_date NULLS FIRST, weekday, start_minute, id
"""
ADD = """
INSERT INTO windows (tutor_id, weekday, on_date, start_minute, end_minute)
SELECT %(tutor_id)s::bigint, w.* FROM unnest(
  %(weekdays)s::int[], %(dates)s::date[], %(starts)s::int[], %(ends)s::int[]) AS w (weekday, on_date, start_minute, end_minute)
RETURNING id, tutor_id, weekday, on_date, start_minute, end_minute
"""
CLEAR_WEEK = "DELETE FROM windows WHERE tutor_id = %(tutor_id)s::bigint AND weekday IS NOT NULL"
FORGET_PAST = "DELETE FROM windows WHERE tutor_id = %(tutor_id)s::bigint AND on_date < %(since)s::date"
DELETE = "DELETE FROM windows WHERE tutor_id = %(tutor_id)s::bigint AND id = %(window_id)s::bigint"
DAYS_OFF = """
SELECT id, first_date, last_date, start_minute, end_minute, reason FROM days_off
WHERE tutor_id = %(tutor_id)s::bigint AND last_date >= %(since)s::date ORDER BY first_date, id
"""
ADD_DAY_OFF = """
INSERT INTO days_off (tutor_id, first_date, last_date, start_minute, end_minute, reason)
VALUES (%(tutor_id)s, %(first_date)s, %(last_date)s, %(start_minute)s, %(end_minute)s, %(reason)s)
RETURNING id, first_date, last_date, start_minute, end_minute, reason
"""
FORGET_PAST_DAYS_OFF = "DELETE FROM days_off WHERE tutor_id = %(tutor_id)s::bigint AND last_date < %(since)s::date"
DELETE_DAY_OFF = "DELETE FROM days_off WHERE tutor_id = %(tutor_id)s::bigint AND id = %(day_off_id)s::bigint"
