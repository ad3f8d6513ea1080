"""SQL of free slots: a tutor's calendar and what is taken of it, in one statement."""

from dataclasses import dataclass
from datetime import datetime

from services.bookings.queries.replicas import TUTOR_COLUMNS, Tutor


@dataclass(frozen=True, slots=True)
class BusyTutor(Tutor):
    """`busy_from` and `busy_until` belong together by position."""

    busy_from: list[datetime]
    busy_until: list[datetime]


# Lessons of the one who asks are taken as well: what overlaps them could not be booked as offered.
CALENDAR = f"""
WITH taken AS (
  SELECT start_at, end_at FROM bookings
  WHERE tutor_id = %(tutor_id)s::bigint AND status IN ('PENDING', 'CONFIRMED')
    AND tstzrange(start_at, end_at) && tstzrange(%(low)s::timestamptz, %(high)s::timestamptz)
  UNION ALL
  SELECT start_at, end_at FROM bookings
  WHERE student_id = %(student_id)s::bigint AND status IN ('PENDING', 'CONFIRMED')
    AND tstzrange(start_at, end_at) && tstzrange(%(low)s::timestamptz, %(high)s::timestamptz)
)
SELECT {TUTOR_COLUMNS},
  ARRAY(SELECT start_at FROM taken ORDER BY start_at, end_at) AS busy_from,
  ARRAY(SELECT end_at FROM taken ORDER BY start_at, end_at) AS busy_until
FROM tutors t LEFT JOIN accounts a ON a.id = t.user_id WHERE t.id = %(tutor_id)s::bigint
"""
