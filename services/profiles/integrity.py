"""What profiles owns and what it keeps of others, for the two sides to be compared."""

from datetime import UTC, datetime
from typing import Final

from services.profiles.actions import subjects, tutors
from services.profiles.queries.subjects import BY_IDS, Subject
from shared import integrity
from shared.db import Tx
from shared.integrity import Owned, Replica
from shared.outbox import publish


async def _resend_tutors(tx: Tx, ids: list[int]) -> None:
    for tutor_id in sorted(ids):
        await tutors.say_again(tx, tutor_id, datetime.now(UTC))


async def _resend_subjects(tx: Tx, ids: list[int]) -> None:
    await publish(tx, *(subjects.changed(s) for s in await tx.all(Subject, BY_IDS, ids=ids)))


# Joined as a whole: a million tutors would be as many look-ups, of each thing that the account says.
_TUTORS: Final = """(
  SELECT t.*, a.first_name || ' ' || a.last_name AS name, a.is_active AND a.role = 'tutor' AS is_active,
    coalesce(t.timezone, a.timezone) AS zone
  FROM tutors t JOIN accounts a USING (user_id)) AS tutors"""
TUTORS = Owned(
    "tutor",
    _TUTORS,
    _resend_tutors,
    fields={
        "user_id": "user_id",
        "status": "status",
        "is_active": "is_active",
        "name": "name",
        "title": "title",
        "hourly_rate": "trim_scale(hourly_rate)",
        "currency": "currency",
        "timezone": "zone",
    },
)
SUBJECTS = Owned("subject", "subjects", _resend_subjects, fields={"name": "name", "category": "category"})
USERS = Replica(
    "user",
    "accounts",
    "auth",
    id="user_id",
    removable=False,  # profiles hang on it
    fields={
        "role": "role",
        "first_name": "first_name",
        "last_name": "last_name",
        "timezone": "timezone",
        "currency": "currency",
        "is_active": "is_active",
        "purged": "purged",
    },
)
BOOKINGS = Replica(
    "booking",
    "lessons",
    "bookings",
    id="booking_id",
    fields={"status": "status", "student_id": "student_id", "tutor_id": "tutor_id"},
)
RATINGS = Replica(
    "rating",
    "ratings",
    "bookings",
    id="tutor_id",
    fields={"average_rating": "trim_scale(average_rating)", "total_reviews": "total_reviews"},
)

router = integrity.router(owned=(TUTORS, SUBJECTS), replicas=(USERS, BOOKINGS, RATINGS))
