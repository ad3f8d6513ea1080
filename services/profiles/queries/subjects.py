"""Subjects."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    id: int
    version: int
    name: str
    category: str | None
    description: str | None


COLUMNS = "id, version, name::text AS name, category, description"
ALL = f"SELECT {COLUMNS} FROM subjects ORDER BY subjects.name, id"
BY_ID = f"SELECT {COLUMNS} FROM subjects WHERE id = %(id)s::bigint FOR UPDATE"
BY_IDS = f"SELECT {COLUMNS} FROM subjects WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id"
ANY = "SELECT EXISTS (SELECT FROM subjects)"
CREATE = f"""
INSERT INTO subjects (name, category, description) VALUES (%(name)s, %(category)s, %(description)s) RETURNING {COLUMNS}
"""
UPDATE = f"""
UPDATE subjects SET name = %(name)s, category = %(category)s, description = %(description)s, version = version + 1
WHERE id = %(id)s::bigint RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM subjects WHERE id = %(id)s::bigint"
# A mark that is there is locked: whoever takes it waits, and sees the new name.
MARK_TUTORS = """
INSERT INTO stale_tutors (tutor_id) SELECT tutor_id FROM tutor_subjects WHERE subject_id = %(id)s::bigint ORDER BY tutor_id
ON CONFLICT (tutor_id) DO UPDATE SET tutor_id = excluded.tutor_id
"""
