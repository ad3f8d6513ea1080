"""What revisions make of the rows they find."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
from alembic import command

from deploy.local.databases import DatabaseUrls
from shared import migrations
from tests.services.profiles.counts import WRONG

Blank = Callable[[str], DatabaseUrls]
TUTORS: LiteralString = """
INSERT INTO accounts SELECT n, 1, 'tutor', 'First', 'Last', '', 'UTC', 'USD', true, false FROM generate_series(1, 30) AS n;
INSERT INTO tutors (id, user_id, status, hourly_rate, currency, submitted_at, decided_at) OVERRIDING SYSTEM VALUE
SELECT n, n, 'approved', 10 + n, 'USD', now(), now() FROM generate_series(1, 30) AS n;
INSERT INTO catalogue
SELECT subject, n, n % 5, n, 10 + n % 9, n % 7, (ARRAY['{en,USD}', '{en,fr,USD}', '{USD}'])[1 + n % 3]::text[]
FROM generate_series(1, 30) AS n, unnest(ARRAY[0, 1 + n % 2]) AS subject
"""
DOCUMENT: LiteralString = """
INSERT INTO documents SELECT n, 10 + n %% 9, n %% 7, ARRAY[0, 1 + n %% 2], ARRAY['en', 'USD'],
  array_to_tsvector(ARRAY['tutor', 'tutors', 'i', 'w' || n %% 4])
FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""


def test_what_was_there_before_lists_and_beginnings_were_counted_is_counted(blank_database: Blank) -> None:
    urls = blank_database("profiles")
    upgrade(urls, "0005")
    with psycopg.connect(urls.owner) as connection:
        connection.execute(TUTORS)
        connection.execute(DOCUMENT, {"first": 1, "last": 20})
    upgrade(urls, "0007")
    with psycopg.connect(urls.owner) as connection:  # who writes before they are counted is noted
        connection.execute(DOCUMENT, {"first": 21, "last": 30})
        connection.execute("UPDATE catalogue SET languages = '{fr,USD}' WHERE tutor_id = 4")
        connection.execute("DELETE FROM catalogue WHERE tutor_id = 5")
        connection.execute("DELETE FROM documents WHERE tutor_id = 5")

    upgrade(urls, "head")

    with psycopg.connect(urls.owner) as connection:
        assert connection.execute(WRONG).fetchall() == []


def test_who_was_purged_before_gives_up_what_a_purge_takes_now(blank_database: Blank) -> None:
    urls = blank_database("profiles")
    upgrade(urls, "0011")
    with psycopg.connect(urls.owner) as connection:
        connection.execute(TUTORS)
        connection.execute("UPDATE accounts SET purged = true WHERE user_id = 7")
        connection.execute("INSERT INTO subjects (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Mathematics')")
        connection.execute("INSERT INTO tutor_subjects (tutor_id, subject_id) VALUES (7, 1), (8, 1)")
        connection.execute("INSERT INTO windows (tutor_id, weekday, start_minute, end_minute) VALUES (7, 0, 0, 9), (8, 0, 0, 9)")
        connection.execute("INSERT INTO days_off (tutor_id, first_date, last_date) VALUES (7, now(), now()), (8, now(), now())")

    upgrade(urls, "head")

    with psycopg.connect(urls.owner) as connection:
        for table in ("tutor_subjects", "windows", "days_off"):
            assert connection.execute(f"SELECT tutor_id FROM {table}").fetchall() == [(8,)]
        assert connection.execute("SELECT id FROM tutors WHERE hourly_rate IS NULL").fetchall() == [(7,)]
        assert connection.execute("SELECT tutor_id FROM stale_tutors").fetchall() == [(7,)]


def upgrade(urls: DatabaseUrls, revision: str) -> None:
    command.upgrade(migrations._config("profiles", urls.owner), revision)
