"""The reporting service's database.

`users`, `tutors`, `subjects`, `bookings` and `purchases` hold the newest known state of each aggregate, one row each, older
versions being ignored. `counters` holds every sum that a dashboard shows. Triggers (in the migrations) add to it the difference
between a row before and after each write, so that counting costs the same for the first event and the millionth, cannot be
forgotten by a statement, and cannot disagree with the rows. `audit_log` is a journal: what nobody can say again is never dropped.
Of `activities` only the newest are kept."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)

_INSTANT = sa.DateTime(timezone=True)
_MONEY = sa.Numeric(12, 2)


class _Table(SQLModel, registry=_registry):
    pass


class AuditLog(_Table, table=True):
    """Privileged and security-relevant acts. The runtime role has no right to change or delete them; a function in the migrations
    anonymises those of a purged person, and can do nothing else."""

    __tablename__ = "audit_log"
    __table_args__ = (
        sa.UniqueConstraint("event_id", name="audited_once"),
        sa.Index("audit_newest", sa.text("created_at DESC"), sa.text("id DESC")),
        sa.Index("audit_by_action", "action", sa.text("created_at DESC"), sa.text("id DESC")),
        sa.Index("audit_by_user", "user_id", sa.text("created_at DESC"), sa.text("id DESC")),
        sa.Index("audit_by_target", "target_type", "target_id"),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    event_id: UUID
    service: str
    action: str
    user_id: int | None = Field(sa_type=sa.BigInteger)
    target_type: str | None
    target_id: int | None = Field(sa_type=sa.BigInteger)
    details: dict[str, Any] = Field(sa_column=sa.Column(JSONB, nullable=False))
    ip_address: str | None
    user_agent: str | None
    created_at: datetime = Field(sa_type=_INSTANT)


class Activities(_Table, table=True):
    """What happened on the platform, for the administrators' feed, in ids; the words are made when it is read."""

    __tablename__ = "activities"
    __table_args__ = (sa.Index("activities_newest", sa.text("occurred_at DESC"), sa.text("event_id DESC")),)

    event_id: UUID = Field(primary_key=True)
    kind: str
    user_id: int | None = Field(sa_type=sa.BigInteger)
    other_user_id: int | None = Field(sa_type=sa.BigInteger)
    target_type: str
    target_id: int = Field(sa_type=sa.BigInteger)
    occurred_at: datetime = Field(sa_type=_INSTANT)


class Users(_Table, table=True):
    __tablename__ = "users"

    user_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    role: str
    first_name: str
    last_name: str
    is_active: bool
    purged: bool
    created_at: datetime = Field(sa_type=_INSTANT)
    deleted_at: datetime | None = Field(sa_type=_INSTANT)


class Tutors(_Table, table=True):
    __tablename__ = "tutors"

    tutor_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    user_id: int = Field(sa_type=sa.BigInteger)
    status: str
    is_active: bool


class Subjects(_Table, table=True):
    __tablename__ = "subjects"

    subject_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    name: str
    deleted: bool


class Bookings(_Table, table=True):
    __tablename__ = "bookings"
    __table_args__ = (
        sa.Index("upcoming", "start_at", "booking_id", postgresql_where=sa.text("status IN ('PENDING', 'CONFIRMED')")),
        sa.Index("bookings_by_subject", "subject_id", sa.text("booking_id DESC")),
    )

    booking_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    status: str
    student_id: int = Field(sa_type=sa.BigInteger)
    tutor_user_id: int = Field(sa_type=sa.BigInteger)
    tutor_id: int = Field(sa_type=sa.BigInteger)
    subject_id: int | None = Field(sa_type=sa.BigInteger)
    subject_name: str | None
    start_at: datetime = Field(sa_type=_INSTANT)
    end_at: datetime = Field(sa_type=_INSTANT)
    lesson_type: str
    price: Decimal = Field(sa_type=_MONEY)
    currency: str
    refunded: Decimal = Field(sa_type=_MONEY)
    purchase_id: int | None = Field(sa_type=sa.BigInteger)
    created_at: datetime = Field(sa_type=_INSTANT)


class Purchases(_Table, table=True):
    __tablename__ = "purchases"

    purchase_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    package_id: int = Field(sa_type=sa.BigInteger)
    tutor_id: int = Field(sa_type=sa.BigInteger)
    student_id: int = Field(sa_type=sa.BigInteger)
    price: Decimal = Field(sa_type=_MONEY)
    currency: str
    refunded: Decimal = Field(sa_type=_MONEY)
    credits_remaining: int
    purchased_at: datetime = Field(sa_type=_INSTANT)


class Counters(_Table, table=True):
    """A sum: of `measure`, in the UTC month starting at `month` (0001-01-01: of all time), for `key`.

    Measures: `accounts` (not deleted, by role), `registered` and `deleted` (by month and role), `tutors` (active, by status),
    `bookings` (by status), `subjects` (bookings, by subject id, '' where none), `sold` (bookings and purchases that bring
    revenue, by month and kind), `revenue` (by month of the sale and currency). A zero is the same as no row."""

    __tablename__ = "counters"

    measure: str = Field(primary_key=True)
    month: date = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: Decimal = Field(sa_type=sa.Numeric(20, 2))
