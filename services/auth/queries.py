"""SQL of the auth service, and the rows it yields."""
# ruff: noqa: S105  statements about tokens and passwords, not any

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID


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
    deletion_reason: str | None
    was_active: bool | None
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is checked against."""

    id: int
    email: str
    role: Any
    first_name: str
    password_hash: str
    is_active: bool
    token_version: int  # raised by whatever ends all sessions, a new password among it


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whom an access token is for."""

    id: int
    email: str
    role: Any
    token_version: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    session_id: UUID
    account_id: int


@dataclass(frozen=True, slots=True)
class Revocation:
    event_id: UUID
    account_id: int
    below_version: int | None
    session_id: str | None
    until: datetime


@dataclass(frozen=True, slots=True)
class SealedKey:
    kid: str
    sealed: bytes
    signs_from: datetime
    is_alone: bool


COLUMNS = """id, email::text AS email, role, first_name, last_name, phone, avatar_name, currency, timezone, is_active,
  is_verified, email_notifications, push_notifications, sms_notifications, version, token_version, created_at, updated_at,
  deleted_at, deletion_reason, was_active, purged_at"""

# accounts

INSERT = f"""
INSERT INTO accounts (email, password_hash, role, first_name, last_name, timezone, currency, is_verified)
VALUES (%(email)s, %(password_hash)s, %(role)s, %(first_name)s, %(last_name)s, %(timezone)s, %(currency)s, %(is_verified)s)
RETURNING {COLUMNS}
"""
BY_ID = f"SELECT {COLUMNS} FROM accounts WHERE id = %(id)s::bigint"
BY_IDS = f"SELECT {COLUMNS} FROM accounts WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id"
BY_EMAIL = f"SELECT {COLUMNS} FROM accounts WHERE email = %(email)s::citext"
LOCKED = f"{BY_ID} FOR NO KEY UPDATE"
ANY_ADMIN = "SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin' AND is_active)"
CHANGE = f"""
UPDATE accounts SET role = %(role)s, first_name = %(first_name)s, last_name = %(last_name)s, phone = %(phone)s::text,
  avatar_name = %(avatar_name)s, currency = %(currency)s, timezone = %(timezone)s, is_active = %(is_active)s::boolean,
  is_verified = %(is_verified)s::boolean, email_notifications = %(email_notifications)s::boolean,
  push_notifications = %(push_notifications)s::boolean, sms_notifications = %(sms_notifications)s::boolean,
  deleted_at = %(deleted_at)s::timestamptz, deletion_reason = %(deletion_reason)s::text,
  was_active = %(was_active)s::boolean, version = version + 1, updated_at = now()
WHERE id = %(id)s::bigint
RETURNING {COLUMNS}
"""
BATCH_AFTER = f"SELECT {COLUMNS} FROM accounts WHERE id > %(id)s::bigint ORDER BY id LIMIT %(batch)s::integer"

# signing in

CREDENTIALS_COLUMNS = "id, email::text AS email, role, first_name, password_hash, is_active, token_version"
CREDENTIALS = f"SELECT {CREDENTIALS_COLUMNS} FROM accounts WHERE email = %(email)s::citext AND purged_at IS NULL"
CREDENTIALS_OF = f"SELECT {CREDENTIALS_COLUMNS} FROM accounts WHERE id = %(id)s::bigint AND purged_at IS NULL"
CREDENTIALS_LOCKED = f"{CREDENTIALS_OF} FOR NO KEY UPDATE"
SET_PASSWORD = "UPDATE accounts SET password_hash = %(password_hash)s WHERE id = %(id)s::bigint"
ATTEMPTS = """
SELECT
  (SELECT failed_at FROM login_failures
   WHERE subject = %(subject)s AND network = %(network)s AND failed_at > %(now)s::timestamptz - %(window)s::interval
   ORDER BY failed_at DESC OFFSET %(of_pair)s::integer - 1 LIMIT 1) AS pair_at,
  (SELECT failed_at FROM login_failures
   WHERE subject = %(subject)s AND failed_at > %(now)s::timestamptz - %(window)s::interval
   ORDER BY failed_at DESC OFFSET %(of_account)s::integer - 1 LIMIT 1) AS anywhere_at,
  EXISTS (SELECT FROM sessions
   WHERE account_id = %(account_id)s::bigint AND network = %(network)s
     AND created_at > %(now)s::timestamptz - %(known_for)s::interval) AS is_known
"""
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(encode(%(subject)s::bytea, 'hex'), 0))"
FAILED = "INSERT INTO login_failures (subject, network, failed_at) VALUES (%(subject)s, %(network)s, %(now)s)"
FORGIVE = "DELETE FROM login_failures WHERE subject = %(subject)s AND network = %(network)s"
FORGIVE_ALL = "DELETE FROM login_failures WHERE subject = %(subject)s"

# sessions

START = """
WITH started AS (
  INSERT INTO sessions (id, account_id, network, user_agent, created_at, expires_at)
  VALUES (%(id)s::uuid, %(account_id)s, %(network)s, %(user_agent)s::text, %(now)s::timestamptz, %(expires_at)s)
)
INSERT INTO refresh_tokens (digest, session_id, created_at) VALUES (%(digest)s, %(id)s::uuid, %(now)s::timestamptz)
"""
SPEND = """
UPDATE refresh_tokens SET spent_at = %(now)s FROM sessions
WHERE refresh_tokens.digest = %(digest)s AND spent_at IS NULL AND sessions.id = session_id
RETURNING session_id, account_id
"""
SPENT = """
SELECT session_id, account_id FROM refresh_tokens JOIN sessions ON sessions.id = session_id
WHERE refresh_tokens.digest = %(digest)s
"""
PROLONG = """
UPDATE sessions SET expires_at = least(%(expires_at)s, sessions.created_at + %(longest)s::interval) FROM accounts
WHERE sessions.id = %(session_id)s::uuid AND revoked_at IS NULL AND expires_at > %(now)s
  AND accounts.id = account_id AND is_active
RETURNING accounts.id, email::text AS email, role, token_version
"""
ADD_TOKEN = "INSERT INTO refresh_tokens (digest, session_id, created_at) VALUES (%(digest)s, %(session_id)s::uuid, %(now)s)"
END_SESSION = "UPDATE sessions SET revoked_at = %(now)s WHERE id = %(session_id)s::uuid AND revoked_at IS NULL"
END_SESSIONS = "UPDATE sessions SET revoked_at = %(now)s WHERE account_id = %(account_id)s AND revoked_at IS NULL"
END_SURPLUS = """
UPDATE sessions SET revoked_at = %(now)s::timestamptz WHERE id = ANY(ARRAY(
  SELECT id FROM sessions WHERE revoked_at IS NULL AND id = ANY(ARRAY(
    SELECT id FROM sessions WHERE account_id = %(account_id)s AND revoked_at IS NULL AND expires_at > %(now)s::timestamptz
    ORDER BY expires_at DESC OFFSET %(most)s::integer LIMIT %(batch)s::integer))
  FOR NO KEY UPDATE SKIP LOCKED))
RETURNING id, EXISTS (SELECT FROM refresh_tokens
  WHERE session_id = sessions.id AND refresh_tokens.created_at > %(now)s::timestamptz - %(longest_token)s::interval) AS has_token
"""
CROWDED = """
SELECT account_id FROM sessions WHERE revoked_at IS NULL AND expires_at > now()
GROUP BY account_id HAVING count(*) > %(most)s::integer
"""
RAISE_TOKEN_VERSION = """
UPDATE accounts SET token_version = token_version + 1 WHERE id = %(account_id)s::bigint RETURNING token_version
"""
REVOKE = """
INSERT INTO revocations (event_id, account_id, below_version, session_id, until)
VALUES (%(event_id)s, %(account_id)s, %(below_version)s::integer, %(session_id)s::text, %(until)s)
"""
REVOCATIONS = """
SELECT event_id, account_id, below_version, session_id, until FROM revocations
WHERE until > now() ORDER BY until DESC LIMIT 100000
"""

# mails with tokens

NEW_MAIL_TOKEN = """
INSERT INTO mail_tokens (account_id, kind, digest, expires_at, sent, counted_from)
VALUES (%(account_id)s, %(purpose)s, %(digest)s, %(expires_at)s, 1, %(now)s::timestamptz)
ON CONFLICT (account_id, kind) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at,
  sent = CASE WHEN mail_tokens.counted_from < excluded.counted_from - interval '1 hour' THEN 1 ELSE mail_tokens.sent + 1 END,
  counted_from = CASE WHEN mail_tokens.counted_from < excluded.counted_from - interval '1 hour'
    THEN excluded.counted_from ELSE mail_tokens.counted_from END
WHERE mail_tokens.sent < %(most)s::integer OR mail_tokens.counted_from < excluded.counted_from - interval '1 hour'
"""
MAIL_TOKEN_OWNER = """
SELECT accounts.id, email::text AS email, role, token_version FROM mail_tokens JOIN accounts ON accounts.id = account_id
WHERE digest = %(digest)s AND kind = %(purpose)s AND expires_at > %(now)s AND is_active
"""
TAKE_MAIL_TOKEN = """
UPDATE mail_tokens SET digest = NULL WHERE digest = %(digest)s AND kind = %(purpose)s AND expires_at > %(now)s
"""
WITHDRAW_RESET_TOKEN = """
UPDATE mail_tokens SET digest = NULL WHERE account_id = %(account_id)s AND kind = 'reset_password'
"""

# pictures

CLAIM_FILE = "INSERT INTO stale_files (name) VALUES (%(name)s)"
KEEP_FILE = "DELETE FROM stale_files WHERE name = %(name)s"
DROP_FILE = "INSERT INTO stale_files (name) SELECT %(name)s::text WHERE %(name)s::text <> 'default.png' ON CONFLICT DO NOTHING"
# What is taken is put off by an hour: nobody else takes it meanwhile, and what could not be deleted gets its next turn after
# everything else had one.
TAKE_STALE_FILES = """
UPDATE stale_files SET since = now() WHERE name = ANY(ARRAY(
  SELECT name FROM stale_files WHERE since < now() - interval '1 hour' ORDER BY since LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
RETURNING name
"""
FORGET_FILES = "DELETE FROM stale_files WHERE name = ANY(%(names)s::text[])"

# administration

ADMINISTRATORS = "SELECT id, token_version FROM accounts WHERE role = 'admin' AND is_active ORDER BY id FOR NO KEY UPDATE"
# Conditions go in where they are asked for: a plan that is kept could use no index for one that is switched off by a parameter.
USERS = f"""
SELECT {COLUMNS} FROM accounts WHERE deleted_at IS NULL AND {{}}
ORDER BY created_at DESC, id DESC LIMIT %(limit)s::integer OFFSET %(offset)s::bigint
"""
COUNT_FOUND = "SELECT count(*) FROM accounts WHERE deleted_at IS NULL AND {}"
TOTAL = "SELECT coalesce(sum(accounts), 0)::bigint FROM account_counts WHERE {}"
OF_ROLE: LiteralString = "role = %(role)s"
ACTIVE: LiteralString = "is_active"
INACTIVE: LiteralString = "NOT is_active"
FOUND: LiteralString = (
    "lower((((email::text || ' '::text) || first_name::text) || ' '::text) || last_name::text) LIKE lower(%(search)s::text)"
)
# A reader sees a change either as its own row or folded into another, never both: it is one statement.
FOLD_COUNTS = """
WITH many AS (
  SELECT count(*) > 100 AS is_true FROM account_counts
), taken AS (
  DELETE FROM account_counts WHERE (SELECT is_true FROM many) AND id = ANY(ARRAY(
    SELECT id FROM account_counts ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED))
  RETURNING role, is_active, accounts
)
INSERT INTO account_counts (role, is_active, accounts) SELECT role, is_active, sum(accounts) FROM taken GROUP BY 1, 2
"""
DELETED = f"""
SELECT {COLUMNS} FROM accounts WHERE deleted_at IS NOT NULL AND purged_at IS NULL
ORDER BY deleted_at DESC, id DESC LIMIT %(limit)s::integer OFFSET %(offset)s::bigint
"""
COUNT_DELETED = "SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL AND purged_at IS NULL"
PURGE = f"""
WITH old AS (
  SELECT id AS old_id, avatar_name AS old_avatar FROM accounts
  WHERE deleted_at <= %(deleted_before)s AND purged_at IS NULL ORDER BY deleted_at, id LIMIT 200 FOR UPDATE SKIP LOCKED
), files AS (
  INSERT INTO stale_files (name) SELECT old_avatar FROM old WHERE old_avatar <> 'default.png' ON CONFLICT DO NOTHING
), ended AS (
  DELETE FROM sessions WHERE account_id IN (SELECT old_id FROM old)
), withdrawn AS (
  DELETE FROM mail_tokens WHERE account_id IN (SELECT old_id FROM old)
)
UPDATE accounts SET email = 'purged-' || id || '@deleted.invalid', password_hash = '', first_name = 'Deleted', last_name = 'user',
  phone = NULL, avatar_name = 'default.png', timezone = 'UTC', is_verified = false, email_notifications = false,
  push_notifications = false, sms_notifications = false, deletion_reason = NULL, purged_at = %(now)s, version = version + 1,
  updated_at = now()
FROM old WHERE id = old_id
RETURNING {COLUMNS}
"""

# housekeeping and keys

FORGET_EXPIRED = """
WITH sessions_gone AS (
  DELETE FROM sessions WHERE expires_at < now() AND created_at < now() - %(known_for)s::interval
), tokens_gone AS (
  DELETE FROM mail_tokens WHERE expires_at < now() AND counted_from < now() - interval '1 hour'
), revocations_gone AS (
  DELETE FROM revocations WHERE until < now()
)
DELETE FROM login_failures WHERE failed_at < now() - %(window)s::interval
"""
FORGET_SPENT = """
DELETE FROM refresh_tokens WHERE digest = ANY(ARRAY(
  SELECT digest FROM refresh_tokens WHERE spent_at < now() - %(remembered)s::interval
  ORDER BY spent_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
"""
KEYS = "SELECT kid, sealed, signs_from, is_alone FROM signing_keys ORDER BY signs_from, created_at"
ADD_KEY = """
INSERT INTO signing_keys (kid, sealed, signs_from, is_alone) VALUES (%(kid)s, %(sealed)s, %(signs_from)s, %(is_alone)s)
"""
WITHDRAW_KEYS = "DELETE FROM signing_keys"
FORGET_KEYS = """
DELETE FROM signing_keys WHERE signs_from < (
  SELECT max(signs_from) FROM signing_keys WHERE signs_from < now() - interval '1 day')
"""
