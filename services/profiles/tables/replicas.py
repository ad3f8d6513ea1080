"""What the profiles service keeps of other services' facts."""

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlmodel import Field

from services.profiles.tables.columns import Table, big, instant, key


class Accounts(Table, table=True):
    """Replica of what auth says of people; `is_active` is false for deleted accounts too."""

    __tablename__ = "accounts"

    user_id: int = key()
    version: int = big()
    role: str
    first_name: str
    last_name: str
    avatar_url: str
    timezone: str
    currency: str
    is_active: bool
    purged: bool


class Presences(Table, table=True):
    """Replica: who has a live connection now."""

    __tablename__ = "presences"

    user_id: int = key()
    version: int = big()
    is_online: bool


class Ratings(Table, table=True):
    """Replica of the sum of a tutor's reviews. A trigger takes what is deleted out of the catalogue, too."""

    __tablename__ = "ratings"

    tutor_id: int = key()
    version: int = big()
    average_rating: Decimal = Field(sa_type=sa.Numeric(3, 2))
    total_reviews: int


class Lessons(Table, table=True):
    """Replica of bookings, as far as statistics need them: how many were held, how fast tutors answer."""

    __tablename__ = "lessons"
    __table_args__ = (
        sa.Index("lessons_held", "student_id", postgresql_where=sa.text("status = 'COMPLETED'")),
        sa.Index("lessons_given", "tutor_id", postgresql_where=sa.text("status = 'COMPLETED'")),
        sa.Index("lessons_asked", "tutor_id", "requested_at"),
    )

    booking_id: int = key()
    version: int = big()
    tutor_id: int = big()
    student_id: int = big()
    status: str
    requested_at: datetime = instant()
    answered_at: datetime | None = instant()
