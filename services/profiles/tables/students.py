"""Student profiles and their favourite tutors."""

from datetime import datetime

import sqlalchemy as sa

from services.profiles.tables.columns import Table, identity, instant, key, reference


class StudentProfiles(Table, table=True):
    __tablename__ = "student_profiles"
    __table_args__ = (sa.UniqueConstraint("user_id", name="one_profile_per_student"),)

    id: int | None = identity()
    user_id: int = reference("accounts.user_id")
    phone: str | None
    bio: str | None
    grade_level: str | None
    school_name: str | None
    learning_goals: str | None
    interests: str | None
    preferred_language: str | None
    created_at: datetime = instant(default=True)
    updated_at: datetime = instant(default=True)


class Favourites(Table, table=True):
    __tablename__ = "favourites"
    __table_args__ = (sa.Index("favourites_newest", "user_id", sa.text("created_at DESC"), "tutor_id"),)

    user_id: int = key("accounts.user_id")
    tutor_id: int = key("tutors.id")
    created_at: datetime = instant(default=True)
