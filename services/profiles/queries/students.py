"""Student profiles, favourites, and what bookings say of lessons."""

from dataclasses import dataclass
from datetime import datetime

from services.profiles.queries.tutors import CARD_COLUMNS, IS_SHOWN, OTHERS


@dataclass(frozen=True, slots=True)
class Student:
    id: int
    user_id: int
    phone: str | None
    bio: str | None
    grade_level: str | None
    school_name: str | None
    learning_goals: str | None
    interests: str | None
    preferred_language: str | None
    timezone: str
    total_sessions: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the requests of the last 90 days that were answered or expired: how many were answered, how fast (median, minutes); and
    lessons held in all."""

    requests: int
    answered: int
    response_minutes: int | None
    total_sessions: int


BY_USER = """
SELECT s.id, s.user_id, s.phone, s.bio, s.grade_level, s.school_name, s.learning_goals, s.interests, s.preferred_language,
  a.timezone, s.created_at, s.updated_at,
  (SELECT count(*) FROM lessons l WHERE l.student_id = s.user_id AND l.status = 'COMPLETED') AS total_sessions
FROM student_profiles s JOIN accounts a USING (user_id) WHERE s.user_id = %(user_id)s::bigint
"""
LOCK = "SELECT id FROM student_profiles WHERE user_id = %(user_id)s::bigint FOR UPDATE"
SAVE = """
UPDATE student_profiles SET phone = %(phone)s, bio = %(bio)s, grade_level = %(grade_level)s, school_name = %(school_name)s,
  learning_goals = %(learning_goals)s, interests = %(interests)s, preferred_language = %(preferred_language)s, updated_at = now()
WHERE user_id = %(user_id)s::bigint
"""
ADD_FAVOURITE = "INSERT INTO favourites (user_id, tutor_id) VALUES (%(user_id)s, %(tutor_id)s) ON CONFLICT DO NOTHING"
DELETE_FAVOURITE = "DELETE FROM favourites WHERE user_id = %(user_id)s::bigint AND tutor_id = %(tutor_id)s::bigint"
FAVOURITES = f"""
SELECT {CARD_COLUMNS} FROM favourites AS mine JOIN tutors t ON t.id = mine.tutor_id {OTHERS}
WHERE mine.user_id = %(viewer)s::bigint AND {IS_SHOWN}
ORDER BY mine.created_at DESC, mine.tutor_id LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint
"""
# A snapshot knows all, also of a version that is known; of the other events each brings the answer that it was, or none.
KEEP_LESSON = """
INSERT INTO lessons AS known (booking_id, version, tutor_id, student_id, status, requested_at, answered_at)
VALUES (%(booking_id)s, %(version)s, %(tutor_id)s, %(student_id)s, %(status)s, %(requested_at)s, %(answered_at)s)
ON CONFLICT (booking_id) DO UPDATE SET version = excluded.version, tutor_id = excluded.tutor_id,
  student_id = excluded.student_id, status = excluded.status, requested_at = excluded.requested_at,
  answered_at = CASE WHEN %(knows_all)s THEN excluded.answered_at ELSE least(known.answered_at, excluded.answered_at) END
WHERE known.version < excluded.version OR %(knows_all)s AND known.version = excluded.version
"""
KEEP_ANSWER = """
UPDATE lessons SET answered_at = least(answered_at, %(answered_at)s::timestamptz) WHERE booking_id = %(booking_id)s::bigint
"""
# What is not answered yet, or was withdrawn before it was, says nothing of the tutor.
STATISTICS = """
SELECT count(*) AS requests, count(answered_at) AS answered,
  (extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY answered_at - requested_at)) / 60)::int AS response_minutes,
  (SELECT count(*) FROM lessons WHERE tutor_id = %(tutor_id)s::bigint AND status = 'COMPLETED') AS total_sessions
FROM lessons
WHERE tutor_id = %(tutor_id)s::bigint AND requested_at > now() - interval '90 days'
  AND (answered_at IS NOT NULL OR status = 'EXPIRED')
"""
