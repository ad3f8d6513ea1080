"""Subjects and tutor profiles."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import CITEXT
from sqlmodel import Field

from services.profiles.tables.columns import Table, big, default, entries, identity, instant, key, reference, texts


class Subjects(Table, table=True):
    __tablename__ = "subjects"
    __table_args__ = (sa.UniqueConstraint("name", name="subject_name_is_unique"),)

    id: int | None = identity()
    version: int = big("1")
    name: str = Field(sa_type=CITEXT)
    category: str | None
    description: str | None


class Tutors(Table, table=True):
    """Tutor profiles. `version` grows with every change others may need. `timezone` is the calendar's; NULL: the account's."""

    __tablename__ = "tutors"
    __table_args__ = (
        sa.UniqueConstraint("user_id", name="one_profile_per_tutor"),
        sa.CheckConstraint("status IN ('incomplete', 'pending_approval', 'approved', 'rejected')", "status_is_known"),
        sa.CheckConstraint("hourly_rate BETWEEN 1 AND 1000", "rate_is_possible"),
        sa.Index("tutors_pending", "submitted_at", "id", postgresql_where=sa.text("status = 'pending_approval'")),
        sa.Index(
            "tutors_approved",
            sa.text("decided_at DESC"),
            sa.text("id DESC"),
            postgresql_where=sa.text("status = 'approved'"),
        ),
    )

    id: int | None = identity()
    user_id: int = reference("accounts.user_id")
    version: int = big("1")
    status: str = default("'incomplete'")
    title: str | None
    headline: str | None
    bio: str | None
    teaching_philosophy: str | None
    description: str | None
    experience_years: int = default("0")
    languages: list[str] = texts()
    hourly_rate: Decimal | None = Field(sa_type=sa.Numeric(12, 2))
    currency: str
    timezone: str | None
    certifications: Any = entries()
    education: Any = entries()
    video_url: str | None
    photo_name: str | None
    rejection_reason: str | None
    submitted_at: datetime | None = instant()
    decided_at: datetime | None = instant()
    decided_by: int | None = big()
    created_at: datetime = instant(default=True)
    updated_at: datetime = instant(default=True)


class TutorSubjects(Table, table=True):
    """What a tutor teaches. A subject that anybody teaches cannot be deleted."""

    __tablename__ = "tutor_subjects"
    __table_args__ = (sa.Index("tutor_subjects_by_subject", "subject_id", "tutor_id"),)

    tutor_id: int = key("tutors.id")
    subject_id: int = key("subjects.id", "RESTRICT")


class StalePhotos(Table, table=True):
    """Photos that no profile shows: not yet, or no longer. A job deletes their files after a while."""

    __tablename__ = "stale_photos"

    name: str = Field(primary_key=True)
    since: datetime = instant(default=True)
