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
    credit_returned: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBooking(Booking):
    """A lesson and when its tutor first answered."""

    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedBooking:
    """What a list says of a lesson: two fifths of a `Booking`, and so much quicker to read."""

    id: int
    tutor_id: int
    tutor_user_id: int
    tutor_name: str
    student_id: int
    student_name: str
    subject_name: str | None
    start_at: datetime
    end_at: datetime
    lesson_type: str
    status: str
    price: Decimal
    currency: str

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
  b.lesson_type, b.status, b.price, b.currency, b.refunded, b.purchase_id, b.credit_returned, b.notes_student, b.room,
  b.respond_by, b.remind_at, b.times_moved, b.free_cancellation, b.moved_from, b.moved_by, b.reason, b.created_at, b.updated_at,
  {STUDENT_NAME} AS student_name, CASE WHEN NOT s.purged THEN s.avatar_url END AS student_avatar,
  {TUTOR_NAME} AS tutor_name, CASE WHEN NOT u.purged THEN u.avatar_url END AS tutor_avatar"""
NAMES = """LEFT JOIN accounts s ON s.id = b.student_id
LEFT JOIN accounts u ON u.id = b.tutor_user_id
LEFT JOIN tutors t ON t.id = b.tutor_id"""

# Whoever changes lessons of tutors and students queues here, always in one order. Without it two inserts that check the
# exclusion constraints at the same time wait for each other, and PostgreSQL ends that only after a second, by an error.
QUEUE = "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%(names)s::text[]) AS name"
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
LIVE_OF = """(b.student_id = %(user_id)s::bigint OR b.tutor_user_id = %(user_id)s::bigint)
  AND b.status IN ('PENDING', 'CONFIRMED') AND b.start_at > %(now)s::timestamptz"""
# All whose lessons a person's leaving changes, and the person, with or without lessons.
PARTIES_OF = f"""
SELECT b.tutor_id, b.student_id FROM bookings b WHERE {LIVE_OF}
UNION SELECT id, %(user_id)s::bigint FROM tutors WHERE user_id = %(user_id)s::bigint
UNION SELECT NULL, %(user_id)s::bigint
"""

# Of nobody who left while this waited in the queue.
INSERT = f"""
WITH b AS (
  INSERT INTO bookings (student_id, tutor_id, tutor_user_id, subject_id, subject_name, start_at, end_at, lesson_type,
    status, price, currency, purchase_id, notes_student, respond_by, moved_by, created_at, updated_at)
  SELECT %(student_id)s, %(tutor_id)s, %(tutor_user_id)s, %(subject_id)s, %(subject_name)s, %(start_at)s, %(end_at)s,
    %(lesson_type)s, %(status)s, %(price)s, %(currency)s, %(purchase_id)s, %(notes_student)s,
    %(respond_by)s, 'student', %(now)s, %(now)s
  WHERE NOT EXISTS (SELECT FROM accounts WHERE id IN (%(student_id)s, %(tutor_user_id)s) AND NOT is_active)
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
    moved_from = %(moved_from)s::timestamptz, credit_returned = credit_returned OR %(credit_returned)s::boolean,
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
BY_ID_LOCKED = f"{BY_ID} FOR UPDATE OF b"
LIVE_OF_LOCKED = f"SELECT {COLUMNS} FROM bookings b {NAMES} WHERE {LIVE_OF} ORDER BY b.id FOR UPDATE OF b"
HISTORY = """
SELECT version, move, status, start_at, by, reason, at FROM booking_moves WHERE booking_id = %(id)s::bigint ORDER BY version
"""
ANSWERED = """(SELECT min(m.at) FROM booking_moves m WHERE m.booking_id = b.id AND m.move IN ('confirm', 'decline'))
  AS answered_at"""
ANSWERED_BY_ID = f"SELECT {COLUMNS}, {ANSWERED} FROM bookings b {NAMES} WHERE b.id = %(id)s::bigint"
ANSWERED_BY_IDS = f"""
SELECT {COLUMNS}, {ANSWERED} FROM bookings b {NAMES} WHERE b.id = ANY(%(ids)s::bigint[]) ORDER BY b.id
"""
ANSWERED_AFTER = f"""
SELECT {COLUMNS}, {ANSWERED} FROM bookings b {NAMES} WHERE b.id > %(after)s::bigint ORDER BY b.id LIMIT %(batch)s::int
"""

LISTED = f"""b.id, b.tutor_id, b.tutor_user_id, {TUTOR_NAME} AS tutor_name, b.student_id, {STUDENT_NAME} AS student_name,
  b.subject_name, b.start_at, b.end_at, b.lesson_type, b.status, b.price, b.currency"""
LIST = f"""
SELECT {LISTED} FROM bookings b {NAMES} WHERE {{whose}} AND {{which}}
ORDER BY b.start_at DESC, b.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
LIST_SOONEST = f"""
SELECT {LISTED} FROM bookings b {NAMES} WHERE {{whose}} AND {{which}}
ORDER BY b.start_at, b.id LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
COUNT = "SELECT count(*) FROM bookings b WHERE {whose} AND {which}"
TAKEN = "b.student_id = %(user_id)s::bigint"
GIVEN = "b.tutor_user_id = %(user_id)s::bigint"
# The states of what is still to come are literals: only so do the indexes of live lessons serve, and not those of a whole past.
UPCOMING = "b.status IN ('PENDING', 'CONFIRMED') AND b.end_at > %(now)s::timestamptz"
PENDING = "b.status = 'PENDING'"
IN_STATES = "b.status = ANY(%(statuses)s::text[])"

DUE_TO_EXPIRE = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.status = 'PENDING' AND b.respond_by <= %(now)s::timestamptz
  AND b.id <> ALL(%(failed)s::bigint[])
ORDER BY b.respond_by LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
DUE_TO_COMPLETE = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.status = 'CONFIRMED' AND b.end_at <= %(now)s::timestamptz
  AND b.id <> ALL(%(failed)s::bigint[])
ORDER BY b.end_at LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
DUE_TO_REMIND = f"""
SELECT {COLUMNS} FROM bookings b {NAMES} WHERE b.remind_at IS NOT NULL AND b.remind_at <= %(now)s::timestamptz
  AND b.id <> ALL(%(failed)s::bigint[])
ORDER BY b.remind_at LIMIT %(batch)s::int FOR UPDATE OF b SKIP LOCKED
"""
OVERDUE = """
SELECT extract(epoch FROM %(now)s::timestamptz - least(%(now)s::timestamptz, oldest))::float AS seconds, what FROM (
  SELECT 'request' AS what, min(respond_by) AS oldest FROM bookings WHERE status = 'PENDING'
  UNION ALL SELECT 'lesson', min(end_at) FROM bookings WHERE status = 'CONFIRMED'
  UNION ALL SELECT 'payment', min(created_at) FROM ledger WHERE settled_at IS NULL) AS due
"""
SET_REMINDER = "UPDATE bookings SET remind_at = %(remind_at)s::timestamptz WHERE id = %(id)s::bigint"
