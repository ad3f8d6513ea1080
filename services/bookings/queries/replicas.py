"""SQL of the replicas of accounts and tutors."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Tutor:
    """A tutor as profiles last said. `is_active` looks at the account as well."""

    id: int
    user_id: int
    status: str
    is_active: bool
    hourly_rate: Decimal | None
    currency: str
    timezone: str
    subjects: list[dict[str, Any]]
    windows: list[dict[str, Any]]
    days_off: list[dict[str, Any]]

    @property
    def is_bookable(self) -> bool:
        return self.is_active and self.status == "approved" and self.hourly_rate is not None


TUTOR_COLUMNS = """t.id, t.user_id, t.status, t.is_active AND coalesce(a.is_active, true) AS is_active, t.hourly_rate,
  t.currency, t.timezone, t.subjects, t.windows, t.days_off"""
TUTOR = f"SELECT {TUTOR_COLUMNS} FROM tutors t LEFT JOIN accounts a ON a.id = t.user_id WHERE t.id = %(id)s::bigint"
TUTOR_OF_USER = f"""
SELECT {TUTOR_COLUMNS} FROM tutors t LEFT JOIN accounts a ON a.id = t.user_id WHERE t.user_id = %(user_id)s::bigint
ORDER BY t.id LIMIT 1
"""

PUT_TUTOR = """
INSERT INTO tutors (id, user_id, version, status, is_active, name, hourly_rate, currency, timezone, subjects, windows, days_off)
VALUES (%(tutor_id)s, %(user_id)s, %(version)s, %(status)s, %(is_active)s, %(name)s, %(hourly_rate)s, %(currency)s, %(timezone)s,
  %(subjects)s::jsonb, %(windows)s::jsonb, %(days_off)s::jsonb)
ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, version = excluded.version, status = excluded.status,
  is_active = excluded.is_active, name = excluded.name, hourly_rate = excluded.hourly_rate, currency = excluded.currency,
  timezone = excluded.timezone, subjects = excluded.subjects, windows = excluded.windows, days_off = excluded.days_off
WHERE tutors.version < excluded.version
"""
PUT_ACCOUNT = """
INSERT INTO accounts (id, version, first_name, last_name, avatar_url, timezone, is_active, purged)
VALUES (%(user_id)s, %(version)s, %(first_name)s, %(last_name)s, %(avatar_url)s, %(timezone)s, %(is_active)s, %(purged)s)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, first_name = excluded.first_name, last_name = excluded.last_name,
  avatar_url = excluded.avatar_url, timezone = excluded.timezone, is_active = excluded.is_active, purged = excluded.purged
WHERE accounts.version < excluded.version
"""
ACCOUNT_IS_ACTIVE = "SELECT is_active FROM accounts WHERE id = %(user_id)s::bigint"
IS_AWAY = """
SELECT EXISTS (SELECT FROM accounts WHERE id = %(user_id)s::bigint AND NOT is_active)
  OR EXISTS (SELECT FROM tutors WHERE user_id = %(user_id)s::bigint AND NOT is_active)
"""

FORGET_NOTES = "UPDATE bookings SET notes_student = NULL WHERE student_id = %(user_id)s::bigint AND notes_student IS NOT NULL"
FORGET_OFFERS = """
UPDATE packages SET description = NULL
WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = %(user_id)s::bigint) AND description IS NOT NULL
"""
FORGET_REASONS = """
UPDATE bookings SET reason = NULL
WHERE reason IS NOT NULL
  AND ((student_id = %(user_id)s::bigint AND moved_by = 'student')
    OR (tutor_user_id = %(user_id)s::bigint AND moved_by = 'tutor'))
"""
FORGET_MOVE_REASONS = """
UPDATE booking_moves m SET reason = NULL FROM bookings b
WHERE m.booking_id = b.id AND m.actor_id = %(user_id)s::bigint AND m.reason IS NOT NULL
  AND (b.student_id = %(user_id)s::bigint OR b.tutor_user_id = %(user_id)s::bigint)
"""
