"""SQL of packages, purchases and the ledger."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.bookings.queries.lessons import STUDENT_NAME, TUTOR_NAME


@dataclass(frozen=True, slots=True)
class Package:
    id: int
    tutor_id: int
    tutor_user_id: int
    name: str
    description: str | None
    session_count: int
    price: Decimal
    currency: str
    duration_minutes: int
    validity_days: int
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Purchase:
    id: int
    version: int
    package_id: int
    package_name: str
    tutor_id: int
    tutor_user_id: int
    student_id: int
    session_count: int
    credits_remaining: int
    price: Decimal
    currency: str
    refunded: Decimal
    credits_refunded: int
    duration_minutes: int
    status: str
    purchased_at: datetime
    expires_at: datetime
    expired_at: datetime | None
    student_name: str
    tutor_name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: a charge (positive) or a refund (negative)."""

    id: int
    booking_id: int | None
    purchase_id: int | None
    student_id: int
    amount: Decimal
    currency: str
    attempts: int


COLUMNS = """p.id, p.tutor_id, p.tutor_user_id, p.name, p.description, p.session_count, p.price, p.currency, p.duration_minutes,
  p.validity_days, p.is_active, p.created_at"""
INSERT = f"""
INSERT INTO packages AS p (tutor_id, tutor_user_id, name, description, session_count, price, currency, duration_minutes,
  validity_days, is_active, created_at)
VALUES (%(tutor_id)s, %(tutor_user_id)s, %(name)s, %(description)s, %(session_count)s, %(price)s, %(currency)s,
  %(duration_minutes)s, %(validity_days)s, %(is_active)s, %(now)s)
RETURNING {COLUMNS}
"""
UPDATE = f"""
UPDATE packages p SET name = %(name)s, description = %(description)s, session_count = %(session_count)s, price = %(price)s,
  duration_minutes = %(duration_minutes)s, validity_days = %(validity_days)s, is_active = %(is_active)s
WHERE id = %(id)s::bigint
RETURNING {COLUMNS}
"""
DELETE = "UPDATE packages SET deleted_at = %(now)s, is_active = false WHERE id = %(id)s::bigint"
BY_ID = f"SELECT {COLUMNS} FROM packages p WHERE p.id = %(id)s::bigint AND p.deleted_at IS NULL"
BY_ID_LOCKED = f"{BY_ID} FOR UPDATE"
TUTOR_OF = "SELECT tutor_id FROM packages WHERE id = %(id)s::bigint"
ON_OFFER = f"{BY_ID} AND p.is_active FOR SHARE"
LIST = f"""
SELECT {COLUMNS} FROM packages p LEFT JOIN tutors t ON t.id = p.tutor_id LEFT JOIN accounts u ON u.id = p.tutor_user_id
WHERE p.deleted_at IS NULL AND (%(tutor_id)s::bigint IS NULL OR p.tutor_id = %(tutor_id)s::bigint)
  AND ((p.is_active AND t.status = 'approved' AND t.is_active AND coalesce(u.is_active, true))
    OR p.tutor_user_id = %(user_id)s::bigint OR %(sees_all)s::boolean)
ORDER BY p.id LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""

PURCHASE_COLUMNS = f"""p.id, p.version, p.package_id, p.package_name, p.tutor_id, p.tutor_user_id, p.student_id, p.session_count,
  p.credits_remaining, p.price, p.currency, p.refunded, p.credits_refunded, p.duration_minutes, p.status, p.purchased_at,
  p.expires_at, p.expired_at,
  {STUDENT_NAME} AS student_name, {TUTOR_NAME} AS tutor_name"""
PURCHASE_NAMES = """LEFT JOIN accounts s ON s.id = p.student_id
LEFT JOIN accounts u ON u.id = p.tutor_user_id
LEFT JOIN tutors t ON t.id = p.tutor_id"""
BUY = f"""
WITH p AS (
  INSERT INTO purchases (package_id, package_name, tutor_id, tutor_user_id, student_id, session_count, credits_remaining, price,
    currency, duration_minutes, status, purchased_at, expires_at)
  VALUES (%(package_id)s, %(package_name)s, %(tutor_id)s, %(tutor_user_id)s, %(student_id)s, %(session_count)s, %(session_count)s,
    %(price)s, %(currency)s, %(duration_minutes)s, 'active', %(now)s, %(expires_at)s)
  RETURNING *
)
SELECT {PURCHASE_COLUMNS} FROM p {PURCHASE_NAMES}
"""
# The id names a package or a purchase (never both, see tables); of several purchases the one that expires first pays. Locked:
# where somebody else takes its last credit meanwhile, the next one pays.
WITH_CREDIT = """
SELECT id FROM purchases
WHERE student_id = %(student_id)s::bigint AND %(named)s::bigint IN (package_id, id) AND tutor_id = %(tutor_id)s::bigint
  AND duration_minutes = %(minutes)s::int AND status = 'active' AND expires_at > %(now)s::timestamptz AND credits_remaining > 0
ORDER BY expires_at, id LIMIT 1 FOR UPDATE
"""
# Of a tutor's (or, for administrators, anybody's) package or purchase.
USABLE = """
SELECT id FROM purchases
WHERE %(named)s::bigint IN (package_id, id) AND (%(student_id)s::bigint IS NULL OR student_id = %(student_id)s::bigint)
  AND status = 'active' AND expires_at > %(now)s::timestamptz AND credits_remaining > 0
ORDER BY student_id, expires_at, id LIMIT 1 FOR UPDATE
"""
STUDENTS_WITH_CREDIT = """
SELECT count(DISTINCT student_id) FROM purchases
WHERE %(named)s::bigint IN (package_id, id) AND (%(student_id)s::bigint IS NULL OR student_id = %(student_id)s::bigint)
  AND status = 'active' AND expires_at > %(now)s::timestamptz AND credits_remaining > 0
"""
OWNER = """
SELECT tutor_user_id FROM packages WHERE id = %(named)s::bigint
UNION ALL SELECT tutor_user_id FROM purchases WHERE id = %(named)s::bigint
"""
TAKE_CREDIT = f"""
WITH p AS (
  UPDATE purchases SET credits_remaining = credits_remaining - 1, version = version + 1
  WHERE id = %(id)s::bigint AND credits_remaining > 0 AND status = 'active' RETURNING *
)
SELECT {PURCHASE_COLUMNS} FROM p {PURCHASE_NAMES}
"""
PURCHASE = f"SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES} WHERE p.id = %(id)s::bigint"
PURCHASE_LOCKED = f"{PURCHASE} FOR UPDATE OF p"
CHANGE_PURCHASE = f"""
WITH p AS (
  UPDATE purchases SET credits_remaining = %(credits_remaining)s, refunded = %(refunded)s,
    credits_refunded = %(credits_refunded)s, status = %(status)s, expires_at = %(expires_at)s,
    expired_at = %(expired_at)s::timestamptz, version = version + 1
  WHERE id = %(id)s::bigint RETURNING *
)
SELECT {PURCHASE_COLUMNS} FROM p {PURCHASE_NAMES}
"""
PURCHASES = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES}
WHERE p.student_id = %(user_id)s::bigint ORDER BY p.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
ALL_PURCHASES = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES}
WHERE {{whose}} ORDER BY p.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
OF_STUDENT = "p.student_id = %(student_id)s::bigint"
WITH_TUTOR = "p.tutor_id = %(tutor_id)s::bigint"
SALES = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES}
WHERE p.tutor_user_id = %(user_id)s::bigint ORDER BY p.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
TO_PAY_BACK = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES}
WHERE (p.tutor_user_id = %(user_id)s::bigint OR p.student_id = %(student_id)s::bigint)
  AND p.status = 'active' AND p.expires_at > %(now)s::timestamptz AND p.credits_remaining > 0
ORDER BY p.id FOR UPDATE OF p
"""
DUE_TO_EXPIRE = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES}
WHERE p.status = 'active' AND p.expires_at <= %(now)s::timestamptz AND p.id <> ALL(%(failed)s::bigint[])
ORDER BY p.expires_at LIMIT %(batch)s::int FOR UPDATE OF p SKIP LOCKED
"""
PURCHASES_BY_IDS = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES} WHERE p.id = ANY(%(ids)s::bigint[]) ORDER BY p.id
"""
PURCHASES_AFTER = f"""
SELECT {PURCHASE_COLUMNS} FROM purchases p {PURCHASE_NAMES} WHERE p.id > %(after)s::bigint ORDER BY p.id LIMIT %(batch)s::int
"""

NOTE_MONEY = """
INSERT INTO ledger (booking_id, purchase_id, student_id, kind, amount, currency, created_at)
VALUES (%(booking_id)s, %(purchase_id)s, %(student_id)s, %(kind)s, %(amount)s, %(currency)s, %(now)s)
"""
# A refund waits for its charge, should that have failed.
UNSETTLED = """
SELECT id, booking_id, purchase_id, student_id, amount, currency, attempts FROM ledger l
WHERE settled_at IS NULL AND next_try_at <= %(now)s::timestamptz
  AND NOT EXISTS (SELECT FROM ledger e WHERE e.booking_id = l.booking_id AND e.id < l.id AND e.settled_at IS NULL)
  AND NOT EXISTS (SELECT FROM ledger e WHERE e.purchase_id = l.purchase_id AND e.id < l.id AND e.settled_at IS NULL)
ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
PUT_OFF = """
UPDATE ledger SET attempts = attempts + 1, next_try_at = %(next_try_at)s::timestamptz WHERE id = %(id)s::bigint
"""
SETTLE = """
UPDATE ledger SET settled_at = %(now)s, provider = %(provider)s, reference = %(reference)s WHERE id = %(id)s::bigint
"""
