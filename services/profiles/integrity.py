"""What profiles owns and what it keeps of others, for the two sides to be compared."""

from datetime import UTC, datetime
from typing import Final

from services.profiles.actions import subjects, tutors
from services.profiles.queries.subjects import BY_IDS, Subject
from shared import integrity
from shared.db import Tx
from shared.integrity import AVATAR_NAME, OLDEST_DAY, Owned, Replica
from shared.outbox import publish


async def _resend_tutors(tx: Tx, ids: list[int]) -> None:
    for tutor_id in ids:
        await tutors.say_again(tx, tutor_id, datetime.now(UTC))


async def _resend_subjects(tx: Tx, ids: list[int]) -> None:
    await publish(tx, *(subjects.changed(s) for s in await tx.all(Subject, BY_IDS, ids=ids)))


# The lists of a tutor's events, as the JSON of these: one look-up for each tutor, so that a few ask for no more than a few.
_TIME: Final = "(TIME '00:00' + {0}_minute * interval '1 minute')"
_SUBJECTS: Final = """(
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name) ORDER BY s.name, s.id), '[]')
  FROM tutor_subjects ts JOIN subjects s ON s.id = ts.subject_id WHERE ts.tutor_id = tutors.id)"""
_WINDOWS: Final = f"""(
  SELECT coalesce(jsonb_agg(
    jsonb_build_object('weekday', weekday, 'on', on_date, 'start', {_TIME.format("start")}, 'end', {_TIME.format("end")})
    ORDER BY on_date NULLS FIRST, weekday, start_minute, id), '[]')
  FROM windows WHERE tutor_id = tutors.id AND (on_date IS NULL OR on_date >= {OLDEST_DAY}))"""
_DAYS_OFF: Final = f"""(
  SELECT coalesce(jsonb_agg(
    jsonb_build_object('first', first_date, 'last', last_date, 'start', {_TIME.format("start")}, 'end', {_TIME.format("end")})
    ORDER BY first_date, id), '[]')
  FROM days_off WHERE tutor_id = tutors.id AND last_date >= {OLDEST_DAY})"""
# Joined as a whole, unlike these: a million tutors would be as many look-ups, of each thing that the account says.
_TUTORS: Final = """(
  SELECT t.*, a.first_name || ' ' || a.last_name AS name, a.is_active AND a.role = 'tutor' AS is_active,
    coalesce(t.timezone, a.timezone) AS zone
  FROM tutors t JOIN accounts a USING (user_id)) AS tutors"""
TUTORS = Owned(
    "tutor",
    _TUTORS,
    _resend_tutors,
    one_by_one=True,  # as they are saved
    fields={
        "user_id": "user_id",
        "status": "status",
        "is_active": "is_active",
        "name": "name",
        "title": "title",
        "hourly_rate": "trim_scale(hourly_rate)",
        "currency": "currency",
        "timezone": "zone",
        "subjects": _SUBJECTS,
        "windows": _WINDOWS,
        "days_off": _DAYS_OFF,
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
        "avatar_name": AVATAR_NAME,
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
    fields={
        "status": "status",
        "student_id": "student_id",
        "tutor_id": "tutor_id",
        "created_at": "requested_at",
        "answered_at": "answered_at",
    },
)
RATINGS = Replica(
    "rating",
    "ratings",
    "bookings",
    id="tutor_id",
    fields={"average_rating": "trim_scale(average_rating)", "total_reviews": "total_reviews"},
)
PRESENCES = Replica("presence", "presences", "notifications", id="user_id", fields={"is_online": "is_online"})

router = integrity.router(owned=(TUTORS, SUBJECTS), replicas=(USERS, BOOKINGS, RATINGS, PRESENCES))
