"""The auth service's database."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

# Written as PostgreSQL writes it back, so that the check for differences finds none.
SEARCHED = "lower((((email::text || ' '::text) || first_name::text) || ' '::text) || last_name::text)"
_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)


class _Table(SQLModel, registry=_registry):
    pass


def _account(**kwargs: Any) -> Any:
    """A column that names an account, and goes with it."""
    return sa.Column(sa.BigInteger, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, **kwargs)


def _instant(**kwargs: Any) -> Any:
    return Field(sa_type=sa.DateTime(timezone=True), **kwargs)


def _newest(name: str, *first: str, where: str = "deleted_at IS NULL") -> sa.Index:
    """For the administrators' list, which shows nobody who is deleted."""
    return sa.Index(name, *first, sa.text("created_at DESC"), sa.text("id DESC"), postgresql_where=sa.text(where))


_NOW = {"sa_column_kwargs": {"server_default": sa.func.now()}}


class Accounts(_Table, table=True):
    """People who may sign in. `version` grows with every change of the public state; `token_version` with every revocation."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.CheckConstraint("role IN ('student', 'tutor', 'admin')", "role_is_known"),
        sa.UniqueConstraint("email", name="email_is_unique"),
        _newest("accounts_newest"),
        _newest("accounts_newest_of_role", "role"),
        _newest("accounts_newest_inactive", where="deleted_at IS NULL AND NOT is_active"),
        sa.Index(
            "accounts_search",
            sa.literal_column(SEARCHED).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
        ),
        sa.Index(
            "accounts_deleted", "deleted_at", "id", postgresql_where=sa.text("deleted_at IS NOT NULL AND purged_at IS NULL")
        ),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    email: str = Field(sa_type=CITEXT)
    password_hash: str
    role: str
    first_name: str
    last_name: str
    phone: str | None
    avatar_name: str = Field(sa_column_kwargs={"server_default": "default.png"})
    currency: str = Field(sa_column_kwargs={"server_default": "USD"})
    timezone: str = Field(sa_column_kwargs={"server_default": "UTC"})
    is_active: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    is_verified: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    email_notifications: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    push_notifications: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    sms_notifications: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    version: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "1"})
    token_version: int = Field(sa_column_kwargs={"server_default": "1"})
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})
    updated_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})
    deleted_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    deletion_reason: str | None
    was_active: bool | None
    """Before the deletion; of accounts deleted before this was kept nobody knows."""
    purged_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))


class AccountCounts(_Table, table=True):
    """How many accounts that are not deleted there are: the sum of these rows. Triggers of `accounts` append to it, so that
    nobody waits for a counter; a job folds many rows into few."""

    __tablename__ = "account_counts"

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    role: str
    is_active: bool
    accounts: int = Field(sa_type=sa.BigInteger)


class Sessions(_Table, table=True):
    """One sign-in on one device: a family of refresh tokens. Revoked ones stay until they would have expired, because they
    also say from where somebody signed in."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.Index("sessions_from_network", "account_id", "network", "created_at"),
        sa.Index("sessions_live", "account_id", "expires_at", postgresql_where=sa.text("revoked_at IS NULL")),
    )

    id: UUID = Field(sa_column=sa.Column(sa.Uuid, primary_key=True))
    account_id: int = Field(sa_column=_account())
    network: str
    """The client's address; of IPv6 its /64."""
    user_agent: str | None
    created_at: datetime = _instant(**_NOW)
    expires_at: datetime = _instant(index=True)
    revoked_at: datetime | None = _instant()


class RefreshTokens(_Table, table=True):
    """SHA-256 of the refresh tokens given out in a session. A spent one that comes back betrays a thief; it is remembered for as
    long as it would have been good."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (sa.Index("refresh_tokens_spent", "spent_at", postgresql_where=sa.text("spent_at IS NOT NULL")),)

    digest: bytes = Field(sa_column=sa.Column(sa.LargeBinary, primary_key=True))
    session_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    created_at: datetime = _instant(**_NOW)
    spent_at: datetime | None = _instant()


class Revocations(_Table, table=True):
    """Access tokens that died before their time, until they would have died anyway: what the Redis set is filled from."""

    __tablename__ = "revocations"

    event_id: UUID = Field(sa_column=sa.Column(sa.Uuid, primary_key=True))
    account_id: int = Field(sa_type=sa.BigInteger)
    below_version: int | None
    session_id: str | None
    until: datetime = _instant(index=True)


class LoginFailures(_Table, table=True):
    """Wrong passwords of the last minutes, for known and unknown e-mail addresses alike."""

    __tablename__ = "login_failures"
    __table_args__ = (
        sa.Index("login_failures_of_pair", "subject", "network", "failed_at"),
        sa.Index("login_failures_of_subject", "subject", "failed_at"),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    subject: bytes
    """Hash of the account, or of an e-mail address that nobody has."""
    network: str
    failed_at: datetime = _instant(index=True)


class MailTokens(_Table, table=True):
    """The secret in the newest mail of a kind (SHA-256): using it, or a newer mail, removes it. `sent` counts the mails of the
    hour that began at `counted_from`."""

    __tablename__ = "mail_tokens"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('verify_email', 'reset_password')", "kind_is_known"),
        sa.UniqueConstraint("digest", name="mail_token_is_unique"),
    )

    account_id: int = Field(sa_column=_account(primary_key=True))
    kind: str = Field(sa_column=sa.Column(sa.Text, primary_key=True))
    digest: bytes | None
    expires_at: datetime = _instant(index=True)
    sent: int
    counted_from: datetime = _instant()


class StaleFiles(_Table, table=True):
    """Pictures that nobody's account names: not yet, or no longer. A job deletes them after a while."""

    __tablename__ = "stale_files"

    name: str = Field(primary_key=True)
    since: datetime = _instant(index=True, **_NOW)


class SigningKeys(_Table, table=True):
    """Keys made by rotation, sealed with the configured one. The newest whose `signs_from` has come signs. One that `is_alone`
    replaced its predecessors because they leaked: their rows are gone, and the configured one is not published beside it."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True)
    sealed: bytes
    created_at: datetime = _instant(**_NOW)
    signs_from: datetime = _instant()
    is_alone: bool
