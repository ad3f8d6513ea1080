"""SQL of the auth service, and the rows it yields."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    email: str
    role: Any
    first_name: str
    last_name: str
    phone: str | None
    avatar_name: str
    currency: str
    timezone: str
    is_active: bool
    is_verified: bool
    email_notifications: bool
    push_notifications: bool
    sms_notifications: bool
    version: int
    token_version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is decided on."""

    id: int
    role: Any
    password_hash: str
    is_active: bool
    token_version: int


COLUMNS = """id, email::text AS email, role, first_name, last_name, phone, avatar_name, currency, timezone, is_active,
  is_verified,
  email_notifications, push_notifications, sms_notifications, version, token_version, created_at, updated_at, deleted_at, purged_at"""

INSERT = f"""
INSERT INTO accounts (email, password_hash, role, first_name, last_name, timezone, currency, is_verified)
VALUES (%(email)s, %(password_hash)s, %(role)s, %(first_name)s, %(last_name)s, %(timezone)s, %(currency)s, %(is_verified)s)
RETURNING {COLUMNS}
"""
BY_ID = f"SELECT {COLUMNS} FROM accounts WHERE id = %(id)s"
BY_EMAIL = f"SELECT {COLUMNS} FROM accounts WHERE email = %(email)s::citext"
CREDENTIALS = "SELECT id, role, password_hash, is_active, token_version FROM accounts WHERE email = %(email)s::citext"
ANY_ADMIN = "SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin' AND is_active)"
