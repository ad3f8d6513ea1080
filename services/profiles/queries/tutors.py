"""Tutor profiles: one row with everything that views, events and search are made of."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.profiles.rules.approval import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What lists show of a tutor, with what other services say."""

    id: int
    user_id: int
    status: str
    title: str | None
    headline: str | None
    bio: str | None
    experience_years: int
    languages: list[str]
    hourly_rate: Decimal | None
    currency: str
    education: list[dict[str, Any]]
    photo_name: str | None
    first_name: str
    last_name: str
    avatar_url: str
    average_rating: Decimal
    total_reviews: int
    is_online: bool
    is_favourite: bool
    subjects: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Card):
    """A tutor profile as a whole. `is_active` is the account's, and that it is a tutor's still."""

    version: int
    teaching_philosophy: str | None
    description: str | None
    own_timezone: str | None
    timezone: str
    certifications: list[dict[str, Any]]
    video_url: str | None
    rejection_reason: str | None
    submitted_at: datetime | None
    decided_at: datetime | None
    created_at: datetime
    updated_at: datetime
    is_active: bool

    @property
    def is_shown(self) -> bool:
        """Whether people can find and book the tutor."""
        return self.status == Status.APPROVED and self.is_active and self.hourly_rate is not None


CARD_COLUMNS = """
  t.id, t.user_id, t.status, t.title, t.headline, t.bio, t.experience_years, t.languages, t.hourly_rate, t.currency, t.education,
  t.photo_name, a.first_name, a.last_name, a.avatar_url, coalesce(r.average_rating, 0) AS average_rating,
  coalesce(r.total_reviews, 0) AS total_reviews, coalesce(p.is_online, false) AS is_online,
  EXISTS (SELECT FROM favourites f WHERE f.user_id = %(viewer)s::bigint AND f.tutor_id = t.id) AS is_favourite,
  coalesce((
    SELECT json_agg(json_build_object('id', s.id, 'name', s.name, 'category', s.category) ORDER BY s.name, s.id)
    FROM tutor_subjects ts JOIN subjects s ON s.id = ts.subject_id WHERE ts.tutor_id = t.id), '[]') AS subjects
"""
COLUMNS = f"""{CARD_COLUMNS},
  t.version, t.teaching_philosophy, t.description, t.timezone AS own_timezone, coalesce(t.timezone, a.timezone) AS timezone,
  t.certifications, t.video_url, t.rejection_reason, t.submitted_at, t.decided_at, t.created_at, t.updated_at,
  a.is_active AND a.role = 'tutor' AS is_active
"""
OTHERS = """
  JOIN accounts a ON a.user_id = t.user_id
  LEFT JOIN ratings r ON r.tutor_id = t.id LEFT JOIN presences p ON p.user_id = t.user_id
"""
IS_SHOWN = "t.status = 'approved' AND a.is_active AND a.role = 'tutor' AND t.hourly_rate IS NOT NULL"
BY_ID = f"SELECT {COLUMNS} FROM tutors t {OTHERS} WHERE t.id = %(tutor_id)s::bigint"
# Who went into hiding since the ids were found is left out.
CARDS = f"""
SELECT {CARD_COLUMNS} FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN tutors t ON t.id = wanted.id {OTHERS} WHERE {IS_SHOWN} ORDER BY wanted.place
"""
ID_OF_USER = "SELECT id FROM tutors WHERE user_id = %(user_id)s::bigint"
LOCK = "SELECT user_id FROM tutors WHERE id = %(tutor_id)s::bigint FOR UPDATE"
BUMP = "UPDATE tutors SET version = version + 1, updated_at = now() WHERE id = %(tutor_id)s::bigint"
SAVE = """
UPDATE tutors SET title = %(title)s, headline = %(headline)s, bio = %(bio)s, teaching_philosophy = %(teaching_philosophy)s,
  description = %(description)s, experience_years = %(experience_years)s, languages = %(languages)s::text[],
  hourly_rate = %(hourly_rate)s, currency = %(currency)s, timezone = %(own_timezone)s, video_url = %(video_url)s,
  photo_name = %(photo_name)s, certifications = %(certifications)s::jsonb, education = %(education)s::jsonb
WHERE id = %(id)s::bigint
"""
SET_STATUS = """
UPDATE tutors SET status = %(status)s::text, rejection_reason = %(reason)s,
  submitted_at = CASE WHEN %(status)s::text = 'pending_approval' THEN %(now)s::timestamptz ELSE submitted_at END,
  decided_at = CASE WHEN %(status)s::text = 'pending_approval' THEN NULL ELSE %(now)s::timestamptz END, decided_by = %(by)s
WHERE id = %(tutor_id)s::bigint
"""
DROP_SUBJECTS = (
    "DELETE FROM tutor_subjects WHERE tutor_id = %(tutor_id)s::bigint AND subject_id <> ALL(%(subject_ids)s::bigint[])"
)
ADD_SUBJECTS = """
INSERT INTO tutor_subjects (tutor_id, subject_id)
SELECT %(tutor_id)s::bigint, subject_id FROM unnest(%(subject_ids)s::bigint[]) AS subject_id ORDER BY subject_id
ON CONFLICT DO NOTHING
"""
PENDING = f"""
SELECT {COLUMNS} FROM tutors t {OTHERS} WHERE t.status = 'pending_approval' AND a.is_active AND a.role = 'tutor'
ORDER BY t.submitted_at, t.id LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint
"""
APPROVED = f"""
SELECT {COLUMNS} FROM tutors t {OTHERS} WHERE t.status = 'approved' AND a.is_active AND a.role = 'tutor'
ORDER BY t.decided_at DESC, t.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint
"""
NEXT_IDS = "SELECT id FROM tutors WHERE id > %(after)s::bigint ORDER BY id LIMIT %(batch)s::bigint"
DROP_PHOTO = "INSERT INTO stale_photos (name) VALUES (%(name)s::text) ON CONFLICT DO NOTHING"
KEEP_PHOTO = "DELETE FROM stale_photos WHERE name = %(name)s::text"
# Put off, should its file not be deleted: it waits behind all others then.
TAKE_STALE_PHOTO = """
UPDATE stale_photos SET since = now() WHERE name = (
  SELECT name FROM stale_photos WHERE since < now() - interval '1 hour' ORDER BY since LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING name
"""
# The tutor is locked before the mark is taken, as by everybody else; one whom somebody saves just now is left for next time.
TAKE_STALE = """
WITH free AS MATERIALIZED (
  SELECT id FROM (SELECT tutor_id FROM stale_tutors ORDER BY tutor_id) AS stale, LATERAL (
    SELECT id FROM tutors WHERE id = stale.tutor_id FOR UPDATE SKIP LOCKED) AS locked
  LIMIT 1
)
DELETE FROM stale_tutors USING free WHERE tutor_id = free.id RETURNING tutor_id
"""
