"""What revisions make of the rows they find."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
from alembic import command

from deploy.local.databases import DatabaseUrls
from shared import migrations

Blank = Callable[[str], DatabaseUrls]
PURCHASE: LiteralString = """
INSERT INTO packages (tutor_id, tutor_user_id, name, session_count, price, currency, duration_minutes, validity_days, is_active,
  created_at) VALUES (1, 1, 'Five', 5, 200, 'USD', 60, 90, true, now());
INSERT INTO purchases (package_id, package_name, tutor_id, tutor_user_id, student_id, session_count, credits_remaining, price,
  currency, duration_minutes, status, purchased_at, expires_at)
SELECT id, name, 1, 1, 2, 5, 0, 200, 'USD', 60, 'active', now(), now() FROM packages
"""
LESSON: LiteralString = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, purchase_id,
  respond_by, moved_by, free_cancellation, created_at, updated_at)
SELECT 2, 1, 1, at, at + interval '1 hour', 'online', %(status)s, 0, 'USD', (SELECT id FROM purchases), at, %(by)s, %(free)s,
  at - interval '9 days', at - %(hours)s * interval '1 hour'
FROM (SELECT now() + %(n)s * interval '1 day' AS at) AS times RETURNING id
"""
MOVE: LiteralString = """
INSERT INTO booking_moves (booking_id, version, move, status, start_at, by, at)
VALUES (%(id)s, %(version)s, %(move)s, %(status)s, now()::date + %(days)s, 'student', now())
"""


def test_of_lessons_cancelled_before_the_early_ones_had_their_credit_returned(blank_database: Blank) -> None:
    lessons = [  # status, by, is free, hours before its start, credit returned
        ("CANCELLED", "student", False, 23, False),
        ("CANCELLED", "student", False, 24, True),
        ("CANCELLED", "student", True, 1, True),
        ("CANCELLED", "tutor", False, 1, True),
        ("DECLINED", "tutor", False, 1, True),
        ("COMPLETED", "system", False, 1, False),
    ]
    urls = blank_database("bookings")
    upgrade(urls, "0001")
    with psycopg.connect(urls.owner) as connection:
        connection.execute(PURCHASE)
        for n, (status, by, free, hours, _) in enumerate(lessons):
            connection.execute(LESSON, {"n": n, "status": status, "by": by, "free": free, "hours": hours})

    upgrade(urls, "head")

    with psycopg.connect(urls.owner) as connection:
        found = connection.execute("SELECT credit_returned FROM bookings ORDER BY id").fetchall()
    assert [returned for (returned,) in found] == [lesson[-1] for lesson in lessons]


def test_a_lesson_that_waits_for_another_time_remembers_the_last_one_agreed_to(blank_database: Blank) -> None:
    urls = blank_database("bookings")
    upgrade(urls, "0001")
    moves = [("request", "PENDING"), ("confirm", "CONFIRMED"), ("reschedule", "CONFIRMED"), ("reschedule", "PENDING")]
    with psycopg.connect(urls.owner) as connection:
        connection.execute(PURCHASE)
        values = {"n": 9, "status": "PENDING", "by": "student", "free": False, "hours": 1}
        (lesson,) = connection.execute(LESSON, values).fetchone() or ()
        for version, (move, status) in enumerate(moves, 1):
            connection.execute(MOVE, {"id": lesson, "version": version, "move": move, "status": status, "days": version})

    upgrade(urls, "head")

    with psycopg.connect(urls.owner) as connection:
        found = connection.execute("SELECT (moved_from - now()::date) = interval '3 days' FROM bookings").fetchone()
    assert found == (True,)


def upgrade(urls: DatabaseUrls, revision: str) -> None:
    command.upgrade(migrations._config("bookings", urls.owner), revision)
