"""SQL of the reporting service, and the rows it yields."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """An act in the audit log."""

    id: int
    service: str
    action: str
    user_id: int | None
    target_type: str | None
    target_id: int | None
    details: dict[str, Any]
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    event_id: UUID
    kind: str
    user_id: int | None
    user_name: str | None
    other_user_id: int | None
    other_name: str | None
    target_type: str
    target_id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A lesson to come."""

    booking_id: int
    status: Any
    student_id: int
    student_name: str | None
    tutor_id: int
    tutor_user_id: int
    tutor_name: str | None
    subject_id: int | None
    subject_name: str | None
    start_at: datetime
    end_at: datetime
    lesson_type: Any
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Count:
    key: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Monthly:
    month: date
    measure: str
    key: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Demand:
    """How often a subject was booked."""

    subject_id: int | None
    subject_name: str | None
    bookings: int


@dataclass(frozen=True, slots=True)
class Miscount:
    """A counter beside what the rows add up to."""

    measure: str
    month: date
    key: str
    kept: Decimal
    counted: Decimal


AUDIT = """
INSERT INTO audit_log (event_id, service, action, user_id, target_type, target_id, details, ip_address, user_agent, created_at)
VALUES (%(event_id)s, %(service)s, %(action)s, %(actor_id)s, %(target_type)s, %(target_id)s, %(details)s::jsonb, %(ip_address)s,
  %(user_agent)s, %(occurred_at)s)
ON CONFLICT (event_id) DO NOTHING
"""
# Locks whoever is not purged too: of an act and a purge that arrive together the later one sees the other.
AUDIT_PEOPLE = "SELECT user_id, purged FROM users WHERE user_id = ANY(%(people)s::bigint[]) ORDER BY user_id FOR SHARE"
AUDIT_FORGET = "SELECT forget_in_audit(%(user_id)s::bigint)"
AUDIT_COLUMNS = "id, service, action, user_id, target_type, target_id, details, ip_address, user_agent, created_at"
AUDIT_PAGE = (
    f"SELECT {AUDIT_COLUMNS} FROM audit_log WHERE {{}} ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s"
)
AUDIT_TOTAL = "SELECT count(*) FROM (SELECT FROM audit_log WHERE {} LIMIT %(most)s::bigint) AS counted"
AUDIT_LAST = "SELECT coalesce(max(id), 0) FROM audit_log"
AUDIT_BATCH = (
    f"SELECT {AUDIT_COLUMNS} FROM audit_log WHERE {{}} AND id > %(after)s AND id <= %(last)s ORDER BY id LIMIT %(limit)s"
)
AUDIT_FILTERS: dict[str, LiteralString] = {
    "action": "action = %(action)s",
    "user_id": "user_id = %(user_id)s",
    "from_at": "created_at >= %(from_at)s",
    "to_at": "created_at < %(to_at)s",
    "target_type": "target_type = %(target_type)s",
    "target_id": "target_id = %(target_id)s",
}

# A state is taken when it is newer than the one kept; triggers count the difference.
USER = """
INSERT INTO users AS kept (user_id, version, role, first_name, last_name, is_active, purged, created_at, deleted_at)
VALUES (%(user_id)s, %(version)s, %(role)s, %(first_name)s, %(last_name)s, %(is_active)s, %(purged)s, %(created_at)s,
  %(deleted_at)s)
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, role = excluded.role, first_name = excluded.first_name,
  last_name = excluded.last_name, is_active = excluded.is_active, purged = excluded.purged, created_at = excluded.created_at,
  deleted_at = excluded.deleted_at
WHERE kept.version < excluded.version
"""
TUTOR = """
INSERT INTO tutors AS kept (tutor_id, version, user_id, status, is_active)
VALUES (%(tutor_id)s, %(version)s, %(user_id)s, %(status)s, %(is_active)s)
ON CONFLICT (tutor_id) DO UPDATE SET version = excluded.version, user_id = excluded.user_id, status = excluded.status,
  is_active = excluded.is_active
WHERE kept.version < excluded.version
"""
TUTOR_OWNER = "SELECT user_id FROM tutors WHERE tutor_id = %(tutor_id)s::bigint"
SUBJECT = """
INSERT INTO subjects AS kept (subject_id, version, name, deleted) VALUES (%(subject_id)s, %(version)s, %(name)s, %(deleted)s)
ON CONFLICT (subject_id) DO UPDATE SET version = excluded.version, name = excluded.name, deleted = excluded.deleted
WHERE kept.version < excluded.version
"""
BOOKING = """
INSERT INTO bookings AS kept (booking_id, version, status, student_id, tutor_user_id, tutor_id, subject_id, subject_name,
  start_at, end_at, lesson_type, price, currency, refunded, purchase_id, created_at)
VALUES (%(booking_id)s, %(version)s, %(status)s, %(student_id)s, %(tutor_user_id)s, %(tutor_id)s, %(subject_id)s,
  %(subject_name)s, %(start_at)s, %(end_at)s, %(lesson_type)s, %(price)s, %(currency)s, %(refunded)s, %(purchase_id)s,
  %(created_at)s)
ON CONFLICT (booking_id) DO UPDATE SET version = excluded.version, status = excluded.status, student_id = excluded.student_id,
  tutor_user_id = excluded.tutor_user_id, tutor_id = excluded.tutor_id, subject_id = excluded.subject_id,
  subject_name = excluded.subject_name, start_at = excluded.start_at, end_at = excluded.end_at,
  lesson_type = excluded.lesson_type,
  price = excluded.price, currency = excluded.currency, refunded = excluded.refunded, purchase_id = excluded.purchase_id,
  created_at = excluded.created_at
WHERE kept.version < excluded.version
"""
PURCHASE = """
INSERT INTO purchases AS kept (purchase_id, version, package_id, tutor_id, student_id, price, currency, refunded,
  credits_remaining, purchased_at)
VALUES (%(purchase_id)s, %(version)s, %(package_id)s, %(tutor_id)s, %(student_id)s, %(price)s, %(currency)s, %(refunded)s,
  %(credits_remaining)s, %(purchased_at)s)
ON CONFLICT (purchase_id) DO UPDATE SET version = excluded.version, package_id = excluded.package_id,
  tutor_id = excluded.tutor_id, student_id = excluded.student_id, price = excluded.price,
  currency = excluded.currency, refunded = excluded.refunded,
  credits_remaining = excluded.credits_remaining, purchased_at = excluded.purchased_at
WHERE kept.version < excluded.version
"""
ACTIVITY = """
INSERT INTO activities (event_id, kind, user_id, other_user_id, target_type, target_id, occurred_at)
VALUES (%(event_id)s, %(kind)s, %(user_id)s, %(other_user_id)s, %(target_type)s, %(target_id)s, %(occurred_at)s)
ON CONFLICT (event_id) DO NOTHING
"""
ACTIVITIES_FORGET = """
DELETE FROM activities WHERE event_id = ANY(ARRAY(
  SELECT event_id FROM activities ORDER BY occurred_at DESC, event_id DESC OFFSET %(kept)s LIMIT %(most)s))
"""

COUNTS = "SELECT key, value FROM counters WHERE measure = %(measure)s AND month = DATE '0001-01-01' AND value <> 0 ORDER BY key"
MONTHLY = """
SELECT month, measure, key, value FROM counters
WHERE measure = ANY(%(measures)s::text[]) AND month >= %(since)s::date AND value <> 0
ORDER BY month, measure, key
"""
ACCOUNTS_BEFORE = """
SELECT coalesce(sum(CASE measure WHEN 'registered' THEN value ELSE -value END), 0) FROM counters
WHERE measure IN ('registered', 'deleted') AND month < %(since)s::date
"""
NAME = "CASE WHEN {0}.purged THEN 'Deleted user' ELSE concat_ws(' ', {0}.first_name, {0}.last_name) END"
ACTIVITIES = f"""
SELECT a.event_id, a.kind, a.user_id, a.other_user_id, a.target_type, a.target_id, a.occurred_at,
  {NAME.format("u")} AS user_name, {NAME.format("o")} AS other_name
FROM (SELECT * FROM activities ORDER BY occurred_at DESC, event_id DESC LIMIT %(limit)s) AS a
LEFT JOIN users u ON u.user_id = a.user_id
LEFT JOIN users o ON o.user_id = a.other_user_id
ORDER BY a.occurred_at DESC, a.event_id DESC
"""
UPCOMING = f"""
SELECT b.booking_id, b.status, b.student_id, b.tutor_id, b.tutor_user_id, b.subject_id, b.start_at, b.end_at,
  coalesce(n.name, b.subject_name) AS subject_name, b.lesson_type, b.price, b.currency,
  {NAME.format("s")} AS student_name, {NAME.format("t")} AS tutor_name
FROM (
  SELECT * FROM bookings
  WHERE status IN ('PENDING', 'CONFIRMED') AND end_at > %(now)s::timestamptz
    AND start_at > %(now)s::timestamptz - interval '8 hours'  -- the longest lesson: lets the index begin there
  ORDER BY start_at, booking_id LIMIT %(limit)s
) AS b
LEFT JOIN users s ON s.user_id = b.student_id
LEFT JOIN users t ON t.user_id = b.tutor_user_id
LEFT JOIN subjects n ON n.subject_id = b.subject_id
ORDER BY b.start_at, b.booking_id
"""
DEMAND = """
SELECT s.subject_id, c.value::bigint AS bookings, coalesce(n.name, (
    SELECT subject_name FROM bookings b WHERE b.subject_id = s.subject_id ORDER BY booking_id DESC LIMIT 1)) AS subject_name
FROM counters c
CROSS JOIN LATERAL (SELECT nullif(c.key, '')::bigint AS subject_id) AS s
LEFT JOIN subjects n ON n.subject_id = s.subject_id
WHERE c.measure = 'subjects' AND c.month = DATE '0001-01-01' AND c.value <> 0
ORDER BY c.value DESC, s.subject_id NULLS LAST
"""

COUNTED = """
SELECT measure, month, key, sum(value) AS value FROM (
  SELECT c.* FROM users r, counts_of(r) c UNION ALL
  SELECT c.* FROM tutors r, counts_of(r) c UNION ALL
  SELECT c.* FROM bookings r, counts_of(r) c UNION ALL
  SELECT c.* FROM purchases r, counts_of(r) c
) AS every WHERE month IS NOT NULL GROUP BY measure, month, key HAVING sum(value) <> 0
"""
COUNTERS_WRONG = f"""
SELECT measure, month, key, coalesce(kept.value, 0) AS kept, coalesce(counted.value, 0) AS counted
FROM ({COUNTED}) AS counted FULL JOIN counters AS kept USING (measure, month, key)
WHERE coalesce(kept.value, 0) <> coalesce(counted.value, 0) ORDER BY measure, month, key LIMIT 1000
"""
COUNTERS_LOCK = "LOCK TABLE users, tutors, bookings, purchases, counters IN SHARE ROW EXCLUSIVE MODE"
FORGET_COUNTERS = "DELETE FROM counters"
COUNT_AGAIN = f"INSERT INTO counters (measure, month, key, value) {COUNTED}"
OF_TUTOR = "SELECT pg_advisory_xact_lock(hashtextextended('tutor ' || %(tutor_id)s::bigint, 0))"
COMPARING_LOCK = "SELECT pg_try_advisory_lock(hashtext('comparing replicas'))"
COMPARING_UNLOCK = "SELECT pg_advisory_unlock(hashtext('comparing replicas'))"
# In the order in which events are handled: tutors, then the people behind them.
FORGET_ALL = "TRUNCATE tutors, users, subjects, bookings, purchases, counters"
