"""The calendars of tutors."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from services.profiles.tables.columns import Table, identity, reference


class Windows(Table, table=True):
    """Stretches of the tutor's local time: every week on `weekday` (0 = Monday), or on the one day `on_date`.
    Minutes are counted from local midnight; 1440 is the next one."""

    __tablename__ = "windows"
    __table_args__ = (
        sa.CheckConstraint("0 <= start_minute AND start_minute < end_minute AND end_minute <= 1440", "window_is_in_a_day"),
        sa.CheckConstraint("(weekday IS NULL) <> (on_date IS NULL) AND weekday BETWEEN 0 AND 6", "weekly_or_dated"),
        ExcludeConstraint(
            ("tutor_id", "="),
            ("weekday", "="),
            (sa.text("int4range(start_minute, end_minute)"), "&&"),
            where=sa.text("weekday IS NOT NULL"),
            name="weekly_windows_are_apart",
        ),
        ExcludeConstraint(
            ("tutor_id", "="),
            ("on_date", "="),
            (sa.text("int4range(start_minute, end_minute)"), "&&"),
            where=sa.text("on_date IS NOT NULL"),
            name="dated_windows_are_apart",
        ),
        sa.Index("windows_by_tutor", "tutor_id"),
    )

    id: int | None = identity()
    tutor_id: int = reference("tutors.id")
    weekday: int | None
    on_date: date | None
    start_minute: int
    end_minute: int


class DaysOff(Table, table=True):
    """Days on which no window stands; with minutes, only that part of each of them."""

    __tablename__ = "days_off"
    __table_args__ = (
        sa.CheckConstraint("first_date <= last_date", "days_are_in_order"),
        sa.CheckConstraint(
            "(start_minute IS NULL) = (end_minute IS NULL) AND 0 <= start_minute"
            " AND start_minute < end_minute AND end_minute <= 1440",
            "part_is_in_a_day",
        ),
        sa.Index("days_off_by_tutor", "tutor_id", "first_date"),
    )

    id: int | None = identity()
    tutor_id: int = reference("tutors.id")
    first_date: date
    last_date: date
    start_minute: int | None
    end_minute: int | None
    reason: str | None
