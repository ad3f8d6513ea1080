"""SQL of lessons: their rows, lists, moves and history."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from services.bookings.queries.replicas import TUTOR_COLUMNS, Tutor
from services.bookings.rules.lessons import Lesson
from services.bookings.rules.states import By, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking(Lesson):
    """A lesson with everything about it that one row (and the names beside it) says."""

    id: int
    version: int
    student_id: int
    tutor_id: int
    tutor_user_id: int
    subject_id: int | None
    subject_name: str | None
    lesson_type: str
    currency: str
    refunded: Decimal
    purchase_id: int | None
    notes_student: str | None
    room: str
    moved_by: By
    reason: str | None
    created_at: datetime
    updated_at: datetime
    student_name: str
    student_avatar: str | None
    tutor_name: str
    tutor_avatar: str | None

    @property
    def duration(self) -> timedelta:
        return self.end_at - self.start_at


@dataclass(frozen=True, slots=True)
class WantedTutor(Tutor):
    """A tutor as seen by a student who wants a lesson at some time; `student_is_active` is None where auth was not heard yet."""

    student_is_active: bool | None
    is_taken: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    version: int
    move: str
    status: Status
    start_at: datetime
    by: By
    reason: str | None
    at: datetime


STUDENT_NAME = """CASE WHEN s.purged THEN 'Deleted user'
    ELSE coalesce(nullif(trim(s.first_name || ' ' || s.last_name), ''), 'Student') END"""
TUTOR_NAME = """CASE WHEN u.purged THEN 'Deleted user'
    ELSE coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), t.name, 'Tutor') END"""
COLUMNS = f"""b.id, b.version, b.student_id, b.tutor_id, b.tutor_user_id, b.subject_id, b.subject_name, b.start_at, b.end_at,
  b.lesson_type, b.status, b.price, b.currency, b.refunded, b.purchase_id, b.notes_student, b.room, b.respond_by, b.remind_at,
  b.times_moved, b.free_cancellation, b.moved_by, b.reason, b.created_at, b.updated_at,
  {STUDENT_NAME} AS student_name, CASE WHEN NOT s.purged THEN s.avatar_url END AS student_avatar,
  {TUTOR_NAME} AS tutor_name, CASE WHEN NOT u.purged THEN u.avatar_url END AS tutor_avatar"""
NAMES = """LEFT JOIN accounts s ON s.id = b.student_id
LEFT JOIN accounts u ON u.id = b.tutor_user_id
LEFT JOIN tutors t ON t.id = b.tutor_id"""

# Whoever changes lessons of a tutor and a student queues here, always in this order. Without it two inserts that check the
# exclusion constraints at the same time wait for each other, and PostgreSQL ends that only after a second, by an error.
QUEUE = """
SELECT pg_advisory_xact_lock(hashtextextended('tutor ' || %(tutor_id)s::bigint, 0)),
  pg_advisory_xact_lock(hashtextextended('student ' || %(student_id)s::bigint, 0))
"""
# All that a request is decided on, before anything is locked: most of those who race for a slot are refused by this alone.
WANTED = f"""
SELECT {TUTOR_COLUMNS}, s.is_active AS student_is_active, EXISTS (
    SELECT FROM bookings WHERE tutor_id = %(tutor_id)s::bigint AND status IN ('PENDING', 'CONFIRMED')
      AND tstzrange(start_at, end_at) && tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz)
  ) OR EXISTS (
    SELECT FROM bookings WHERE student_id = %(student_id)s::bigint AND status IN ('PENDING', 'CONFIRMED')
      AND tstzrange(start_at, end_at) && tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz)
  ) AS is_taken
FROM tutors t LEFT JOIN accounts a ON a.id = t.user_id LEFT JOIN accounts s ON s.id = %(student_id)s::bigint
WHERE t.id = %(tutor_id)s::bigint
"""
PARTIES = "SELECT tutor_id, student_id FROM bookings WHERE id = %(id)s::bigint"

INSERT = f"""
WITH b AS (
  INSERT INTO bookings (student_id, tutor_id, tutor_user_id, subject_id, subject_name, start_at, end_at, lesson_type,
    status, price, currency, purchase_id, notes_student, respond_by, moved_by, created_at, updated_at)
  VALUES (%(student_id)s, %(tutor_id)s, %(tutor_user_id)s, %(subject_id)s, %(subject_name)s, %(start_at)s, %(end_at)s,
    %(lesson_type)s, %(status)s, %(price)s, %(currency)s, %(purchase_id)s, %(notes_student)s,
    %(respond_by)s, 'student', %(now)s, %(now)s)
  RETURNING *
), noted AS (
  INSERT INTO booking_moves (booking_id, version, move, status, start_at, by, actor_id, reason, at)
  SELECT id, version, 'request', status, start_at, 'student', student_id, NULL, created_at FROM b
)
SELECT {COLUMNS} FROM b {NAMES}
"""
MOVE = f"""
WITH b AS (
  UPDATE bookings SET status = %(status)s, start_at = %(start_at)s, end_at = %(end_at)s, respond_by = %(respond_by)s,
    remind_at = %(remind_at)s, times_moved = %(times_moved)s, free_cancellation = %(free_cancellation)s,
    refunded = refunded + %(refund)s::numeric, moved_by = %(by)s, reason = %(reason)s, updated_at = %(now)s, version = version + 1
  WHERE id = %(id)s::bigint
  RETURNING *
), noted AS (
  INSERT INTO booking_moves (booking_id, version, move, status, start_at, by, actor_id, reason, at)
  SELECT id, version, %(move)s::text, status, start_at, moved_by, %(actor_id)s::bigint, reason, updated_at FROM b
)
SELECT {COLUMNS} FROM b {NAMES}
"""
BY_ID = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.id = %(id)s::bigint"
BY_IDS = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.id = ANY(%(ids)s::bigint[]) ORDER BY b.id"
BY_ID_LOCKED = f"{BY_ID} FOR UPDATE OF b"
HISTORY = """
SELECT version, move, status, start_at, by, reason, at FROM booking_moves WHERE booking_id = %(id)s::bigint ORDER BY version
"""
AFTER = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.id > %(after)s::bigint ORDER BY b.id LIMIT %(batch)s::int"

FILTER = """b.status = ANY(%(statuses)s::text[]) AND b.end_at > %(not_ended_at)s::timestamptz"""
ASCENDING = "ORDER BY b.start_at, b.id LIMIT %(limit)s::int OFFSET %(offset)s::bigint"
DESCENDING = "ORDER BY b.start_at DESC, b.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint"
TAKEN = "b.student_id = %(user_id)s::bigint"
GIVEN = "b.tutor_user_id = %(user_id)s::bigint"
LIST_TAKEN = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE {TAKEN} AND {FILTER} {DESCENDING}"
LIST_TAKEN_SOONEST = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE {TAKEN} AND {FILTER} {ASCENDING}"
LIST_GIVEN = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE {GIVEN} AND {FILTER} {DESCENDING}"
LIST_GIVEN_SOONEST = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE {GIVEN} AND {FILTER} {ASCENDING}"
COUNT_TAKEN = f"SELECT count(*) FROM bookings b WHERE {TAKEN} AND {FILTER}"
COUNT_GIVEN = f"SELECT count(*) FROM bookings b WHERE {GIVEN} AND {FILTER}"

DUE_TO_EXPIRE = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.status = 'PENDING' AND b.respond_by <= %(now)s::timestamptz
ORDER BY b.respond_by LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
DUE_TO_COMPLETE = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.status = 'CONFIRMED' AND b.end_at <= %(now)s::timestamptz
ORDER BY b.end_at LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
DUE_TO_REMIND = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.remind_at IS NOT NULL AND b.remind_at <= %(now)s::timestamptz
ORDER BY b.remind_at LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
SET_REMINDER = "UPDATE bookings SET remind_at = %(remind_at)s::timestamptz WHERE id = %(id)s::bigint"
