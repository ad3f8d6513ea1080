"""People, as auth tells of them; their presence, as notifications tells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of one account, and the profile that belongs to it."""

    user_id: int
    role: str
    purged: bool
    tutor_id: int | None


KEEP = """
INSERT INTO accounts AS known
  (user_id, version, role, first_name, last_name, avatar_url, timezone, currency, is_active, purged)
VALUES (%(user_id)s, %(version)s, %(role)s, %(first_name)s, %(last_name)s, %(avatar_url)s, %(timezone)s, %(currency)s,
  %(is_active)s, %(purged)s)
ON CONFLICT (user_id) DO UPDATE SET
  version = excluded.version, role = excluded.role, first_name = excluded.first_name, last_name = excluded.last_name,
  avatar_url = excluded.avatar_url, timezone = excluded.timezone, currency = excluded.currency,
  is_active = excluded.is_active, purged = excluded.purged
WHERE known.version < excluded.version
"""
PERSON = """
SELECT a.user_id, a.role, a.purged, t.id AS tutor_id
FROM accounts a LEFT JOIN tutors t USING (user_id) WHERE a.user_id = %(user_id)s::bigint
"""
CREATE_TUTOR = """
INSERT INTO tutors (user_id, currency) SELECT user_id, currency FROM accounts WHERE user_id = %(user_id)s::bigint
ON CONFLICT (user_id) DO NOTHING RETURNING id
"""
CREATE_STUDENT = "INSERT INTO student_profiles (user_id) VALUES (%(user_id)s) ON CONFLICT (user_id) DO NOTHING"
KEEP_PRESENCE = """
INSERT INTO presences AS known (user_id, version, is_online) VALUES (%(user_id)s, %(version)s, %(is_online)s)
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, is_online = excluded.is_online
WHERE known.version < excluded.version
"""
FORGET_STUDENT = """
UPDATE student_profiles SET phone = NULL, bio = NULL, grade_level = NULL, school_name = NULL, learning_goals = NULL,
  interests = NULL, preferred_language = NULL, updated_at = now()
WHERE user_id = %(user_id)s::bigint
"""
FORGET_FAVOURITES = "DELETE FROM favourites WHERE user_id = %(user_id)s::bigint"
FORGET_PHOTO = """
INSERT INTO stale_photos (name) SELECT photo_name FROM tutors WHERE id = %(tutor_id)s::bigint AND photo_name IS NOT NULL
ON CONFLICT DO NOTHING
"""
FORGET_TUTOR = """
UPDATE tutors SET title = NULL, headline = NULL, bio = NULL, teaching_philosophy = NULL, description = NULL,
  experience_years = 0, languages = ARRAY[]::text[], hourly_rate = NULL, timezone = NULL, certifications = '[]',
  education = '[]', video_url = NULL, photo_name = NULL, rejection_reason = NULL
WHERE id = %(tutor_id)s::bigint
"""
FORGET_SUBJECTS = "DELETE FROM tutor_subjects WHERE tutor_id = %(tutor_id)s::bigint"
FORGET_WINDOWS = "DELETE FROM windows WHERE tutor_id = %(tutor_id)s::bigint"
FORGET_DAYS_OFF = "DELETE FROM days_off WHERE tutor_id = %(tutor_id)s::bigint"
OF_TUTOR = (FORGET_PHOTO, FORGET_TUTOR, FORGET_SUBJECTS, FORGET_WINDOWS, FORGET_DAYS_OFF)
