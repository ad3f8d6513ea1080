"""SQL of reviews and ratings."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Review:
    id: int
    version: int
    booking_id: int
    tutor_id: int
    tutor_user_id: int
    student_id: int
    rating: int
    comment: str | None
    response: str | None
    responded_at: datetime | None
    created_at: datetime
    updated_at: datetime
    student_name: str
    """First name and initial."""


@dataclass(frozen=True, slots=True)
class Rating:
    tutor_id: int
    version: int
    total_reviews: int
    sum_of_ratings: int


SHORT_NAME = """CASE WHEN s.purged THEN 'Deleted user' WHEN s.id IS NULL OR s.first_name = '' THEN 'Student'
    ELSE trim(s.first_name || coalesce(' ' || nullif(left(s.last_name, 1), '') || '.', '')) END"""
COLUMNS = f"""r.id, r.version, r.booking_id, r.tutor_id, r.tutor_user_id, r.student_id, r.rating, r.comment, r.response,
  r.responded_at, r.created_at, r.updated_at, {SHORT_NAME} AS student_name"""
INSERT = f"""
WITH r AS (
  INSERT INTO reviews (booking_id, tutor_id, tutor_user_id, student_id, rating, comment, created_at, updated_at)
  VALUES (%(booking_id)s, %(tutor_id)s, %(tutor_user_id)s, %(student_id)s, %(rating)s, %(comment)s, %(now)s, %(now)s)
  RETURNING *
)
SELECT {COLUMNS} FROM r LEFT JOIN accounts s ON s.id = r.student_id
"""
LOCKED = f"""
SELECT {COLUMNS} FROM reviews r LEFT JOIN accounts s ON s.id = r.student_id WHERE r.id = %(id)s::bigint FOR UPDATE OF r
"""
UPDATE = f"""
WITH r AS (
  UPDATE reviews SET rating = %(rating)s, comment = %(comment)s, response = %(response)s, responded_at = %(responded_at)s,
    updated_at = %(now)s, version = version + 1
  WHERE id = %(id)s::bigint RETURNING *
)
SELECT {COLUMNS} FROM r LEFT JOIN accounts s ON s.id = r.student_id
"""
OF_TUTOR = f"""
SELECT {COLUMNS} FROM reviews r LEFT JOIN accounts s ON s.id = r.student_id WHERE r.tutor_id = %(tutor_id)s::bigint
ORDER BY r.created_at DESC, r.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::bigint
"""
RATE = """
INSERT INTO ratings (tutor_id, version, total_reviews, sum_of_ratings) VALUES (%(tutor_id)s, 1, %(reviews)s, %(stars)s)
ON CONFLICT (tutor_id) DO UPDATE SET version = ratings.version + 1,
  total_reviews = ratings.total_reviews + excluded.total_reviews,
  sum_of_ratings = ratings.sum_of_ratings + excluded.sum_of_ratings
RETURNING tutor_id, version, total_reviews, sum_of_ratings
"""
RATINGS_AFTER = """
SELECT tutor_id, version, total_reviews, sum_of_ratings FROM ratings
WHERE tutor_id > %(after)s::bigint ORDER BY tutor_id LIMIT %(batch)s::int
"""
