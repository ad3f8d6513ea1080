"""The bookings service's database."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)

LIVE = sa.text("status IN ('PENDING', 'CONFIRMED')")


class _Table(SQLModel, registry=_registry):
    pass


def _id(start: int = 1, increment: int = 1) -> Any:
    identity = sa.Identity(always=True, start=start, increment=increment)
    return Field(default=None, sa_column=sa.Column(sa.BigInteger, identity, primary_key=True))


def _key() -> Any:
    """A primary key that another service gives out."""
    return Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))


def _big(default: str | None = None) -> Any:
    return Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": default} if default else {})


def _at() -> Any:
    return Field(sa_type=sa.DateTime(timezone=True))


def _money(default: str | None = None) -> Any:
    return Field(sa_type=sa.Numeric(12, 2), sa_column_kwargs={"server_default": default} if default else {})


class Accounts(_Table, table=True):
    """Replica of what auth says of people. Version 0 stands in until auth has been heard."""

    __tablename__ = "accounts"

    id: int = _key()
    version: int = _big()
    first_name: str
    last_name: str
    avatar_url: str | None
    timezone: str
    is_active: bool
    purged: bool


class Tutors(_Table, table=True):
    """Replica of what profiles says of tutors, with the calendar as it was said."""

    __tablename__ = "tutors"
    __table_args__ = (sa.Index("tutors_by_user", "user_id"),)

    id: int = _key()
    user_id: int = _big()
    version: int = _big()
    status: str
    is_active: bool
    name: str
    hourly_rate: Decimal | None = _money()
    currency: str
    timezone: str
    subjects: Any = Field(sa_column=sa.Column(JSONB, nullable=False))
    windows: Any = Field(sa_column=sa.Column(JSONB, nullable=False))
    days_off: Any = Field(sa_column=sa.Column(JSONB, nullable=False))


class Packages(_Table, table=True):
    """Offers of tutors. Ids are odd, those of purchases even: clients may name either, and no number means both."""

    __tablename__ = "packages"
    __table_args__ = (
        sa.CheckConstraint("session_count BETWEEN 1 AND 100 AND validity_days BETWEEN 1 AND 730 AND price > 0", "offer_is_sane"),
        sa.Index("packages_of_tutor", "tutor_id", "id"),
    )

    id: int | None = _id(1, 2)
    tutor_id: int = _big()
    tutor_user_id: int = _big()
    name: str
    description: str | None
    session_count: int
    price: Decimal = _money()
    currency: str
    duration_minutes: int
    validity_days: int
    is_active: bool
    created_at: datetime = _at()
    deleted_at: datetime | None = _at()


class Purchases(_Table, table=True):
    """Packages that students bought, frozen as they were offered then."""

    __tablename__ = "purchases"
    __table_args__ = (
        sa.CheckConstraint("credits_remaining >= 0", "credits_are_not_negative"),
        sa.CheckConstraint("credits_remaining <= session_count", "credits_are_not_invented"),
        sa.CheckConstraint("refunded BETWEEN 0 AND price", "purchase_refund_is_within_price"),
        sa.CheckConstraint("status IN ('active', 'expired', 'refunded')", "purchase_status_is_known"),
        sa.Index("purchases_of_student", "student_id", "id"),
        sa.Index("purchases_of_tutor", "tutor_user_id", "id"),
        sa.Index("purchases_with_tutor", "tutor_id", "id"),
        sa.Index("purchases_of_package", "package_id"),
        sa.Index("purchases_to_expire", "expires_at", postgresql_where=sa.text("status = 'active'")),
    )

    id: int | None = _id(2, 2)
    package_id: int = Field(sa_type=sa.BigInteger, foreign_key="packages.id")
    package_name: str
    tutor_id: int = _big()
    tutor_user_id: int = _big()
    student_id: int = _big()
    session_count: int
    credits_remaining: int
    price: Decimal = _money()
    currency: str
    refunded: Decimal = _money("0")
    credits_refunded: int = Field(sa_column_kwargs={"server_default": "0"})
    duration_minutes: int
    status: str
    version: int = _big("1")
    purchased_at: datetime = _at()
    expires_at: datetime = _at()
    expired_at: datetime | None = _at()
    """When it first expired, if a credit came back afterwards and `expires_at` is later for that."""


class Bookings(_Table, table=True):
    """Lessons, in every state. Two live ones of a tutor, or of a student, never overlap: the database sees to it."""

    __tablename__ = "bookings"
    __table_args__ = (
        ExcludeConstraint(
            (sa.column("tutor_id"), "="),
            (sa.text("tstzrange(start_at, end_at)"), "&&"),
            name="tutor_is_free",
            where=LIVE,
        ),
        ExcludeConstraint(
            (sa.column("student_id"), "="),
            (sa.text("tstzrange(start_at, end_at)"), "&&"),
            name="student_is_free",
            where=LIVE,
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CONFIRMED', 'DECLINED', 'CANCELLED', 'EXPIRED', 'COMPLETED',"
            " 'NO_SHOW_STUDENT', 'NO_SHOW_TUTOR')",
            "status_is_known",
        ),
        sa.CheckConstraint("end_at > start_at", "lesson_has_length"),
        sa.CheckConstraint("refunded BETWEEN 0 AND price", "refund_is_within_price"),
        sa.Index("bookings_of_student", "student_id", "start_at", "id", postgresql_include=["status", "end_at"]),
        sa.Index("bookings_of_tutor", "tutor_user_id", "start_at", "id", postgresql_include=["status", "end_at"]),
        sa.Index("live_of_student", "student_id", "start_at", "id", postgresql_where=LIVE),
        sa.Index("live_of_tutor", "tutor_user_id", "start_at", "id", postgresql_where=LIVE),
        sa.Index("bookings_to_answer", "respond_by", postgresql_where=sa.text("status = 'PENDING'")),
        sa.Index("bookings_to_complete", "end_at", postgresql_where=sa.text("status = 'CONFIRMED'")),
        sa.Index("bookings_to_remind", "remind_at", postgresql_where=sa.text("remind_at IS NOT NULL")),
    )

    id: int | None = _id()
    student_id: int = _big()
    tutor_id: int = _big()
    tutor_user_id: int = _big()
    subject_id: int | None = _big()
    subject_name: str | None
    start_at: datetime = _at()
    end_at: datetime = _at()
    lesson_type: str
    status: str
    price: Decimal = _money()
    currency: str
    refunded: Decimal = _money("0")
    purchase_id: int | None = Field(sa_type=sa.BigInteger, foreign_key="purchases.id")
    credit_returned: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    notes_student: str | None
    room: str = Field(sa_column_kwargs={"server_default": sa.text("replace(gen_random_uuid()::text, '-', '')")})
    respond_by: datetime = _at()
    remind_at: datetime | None = _at()
    times_moved: int = Field(sa_column_kwargs={"server_default": "0"})
    free_cancellation: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    moved_from: datetime | None = _at()
    moved_by: str
    reason: str | None
    version: int = _big("1")
    created_at: datetime = _at()
    updated_at: datetime = _at()


class BookingMoves(_Table, table=True):
    """The history of each lesson: one row for each version of it."""

    __tablename__ = "booking_moves"

    booking_id: int = Field(sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("bookings.id"), primary_key=True))
    version: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True))
    move: str
    status: str
    start_at: datetime = _at()
    by: str
    actor_id: int | None = _big()
    reason: str | None
    at: datetime = _at()


class Ledger(_Table, table=True):
    """Money: charges positive, refunds negative; the sum per booking (or purchase) is what the student owes for it in the end."""

    __tablename__ = "ledger"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(booking_id, purchase_id) = 1", "entry_is_for_one_thing"),
        sa.CheckConstraint("(kind = 'charge' AND amount > 0) OR (kind = 'refund' AND amount < 0)", "sign_fits_kind"),
        sa.Index("ledger_of_booking", "booking_id", postgresql_where=sa.text("booking_id IS NOT NULL")),
        sa.Index("ledger_of_purchase", "purchase_id", postgresql_where=sa.text("purchase_id IS NOT NULL")),
        sa.Index("ledger_to_settle", "next_try_at", "id", postgresql_where=sa.text("settled_at IS NULL")),
    )

    id: int | None = _id()
    booking_id: int | None = Field(sa_type=sa.BigInteger, foreign_key="bookings.id")
    purchase_id: int | None = Field(sa_type=sa.BigInteger, foreign_key="purchases.id")
    student_id: int = _big()
    kind: str
    amount: Decimal = _money()
    currency: str
    created_at: datetime = _at()
    provider: str | None
    reference: str | None
    settled_at: datetime | None = _at()
    attempts: int = Field(sa_column_kwargs={"server_default": "0"})
    next_try_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})


class Reviews(_Table, table=True):
    """What students say of lessons they had."""

    __tablename__ = "reviews"
    __table_args__ = (
        sa.UniqueConstraint("booking_id", name="one_review_per_booking"),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", "rating_is_one_to_five"),
        sa.Index("reviews_of_tutor", "tutor_id", sa.text("created_at DESC"), sa.text("id DESC")),
    )

    id: int | None = _id()
    booking_id: int = Field(sa_type=sa.BigInteger, foreign_key="bookings.id")
    tutor_id: int = _big()
    tutor_user_id: int = _big()
    student_id: int = _big()
    rating: int
    comment: str | None
    response: str | None
    responded_at: datetime | None = _at()
    version: int = _big("1")
    created_at: datetime = _at()
    updated_at: datetime = _at()


class Ratings(_Table, table=True):
    """Each tutor's reviews summed up; changed in the transaction that changes a review."""

    __tablename__ = "ratings"

    tutor_id: int = _key()
    version: int = _big()
    total_reviews: int
    sum_of_ratings: int = _big()
