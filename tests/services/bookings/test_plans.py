"""Every list and every job has an index that serves its order: nothing is sorted, nothing is read through."""

import re
from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest

from services.bookings.queries import lessons, packages, reviews, slots
from tests.harness import Harness
from tests.servers import Databases
from tests.services.bookings.people import in_days

PAGE = {"limit": 20, "offset": 0}
MINE = {"user_id": 1, "statuses": ["PENDING", "COMPLETED"], "not_ended_at": in_days(0)} | PAGE
DUE = {"now": in_days(0), "batch": 100}
RANGE = {"tutor_id": 1, "student_id": 2, "low": in_days(1), "high": in_days(32)}

PLANS: list[tuple[LiteralString, Mapping[str, object], set[str]]] = [
    (lessons.LIST_TAKEN, MINE, {"bookings_of_student"}),
    (lessons.LIST_TAKEN_SOONEST, MINE, {"bookings_of_student"}),
    (lessons.LIST_GIVEN, MINE, {"bookings_of_tutor"}),
    (lessons.LIST_GIVEN_SOONEST, MINE, {"bookings_of_tutor"}),
    (lessons.COUNT_TAKEN, MINE, {"bookings_of_student"}),
    (lessons.COUNT_GIVEN, MINE, {"bookings_of_tutor"}),
    (lessons.DUE_TO_EXPIRE, DUE, {"bookings_to_answer"}),
    (lessons.DUE_TO_COMPLETE, DUE, {"bookings_to_complete"}),
    (lessons.DUE_TO_REMIND, DUE, {"bookings_to_remind"}),
    (lessons.AFTER, {"after": 0, "batch": 500}, {"bookings_pkey"}),
    (lessons.HISTORY, {"id": 1}, {"booking_moves_pkey"}),
    (packages.DUE_TO_EXPIRE, DUE, {"purchases_to_expire"}),
    (packages.UNSETTLED, {"batch": 100}, {"ledger_to_settle"}),
    (packages.PURCHASES, {"user_id": 1} | PAGE, {"purchases_of_student"}),
    (packages.SALES, {"user_id": 1} | PAGE, {"purchases_of_tutor"}),
    (reviews.OF_TUTOR, {"tutor_id": 1} | PAGE, {"reviews_of_tutor"}),
    (slots.CALENDAR, RANGE, {"tutor_is_free", "student_is_free"}),
]


LESSONS: LiteralString = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, respond_by,
  moved_by, created_at, updated_at)
SELECT n % 200, n % 50, n % 50, at, at + interval '1 hour', 'online', CASE WHEN n % 10 = 0 THEN 'CONFIRMED' ELSE 'COMPLETED' END,
  45, 'USD', at, 'system', at, at
FROM generate_series(1, 5000) AS n, LATERAL (SELECT now() + n * interval '1 hour' AS at) AS times
"""


@pytest.fixture
def some(service: Harness, databases: Databases) -> Iterator[psycopg.Connection]:
    """A database with some thousand lessons, known to the planner; taken back afterwards."""
    with psycopg.connect(databases.owners["bookings"]) as connection:
        connection.execute(LESSONS)
        connection.execute("ANALYZE bookings")
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("statement", "parameters", "indexes"), PLANS)
def test_a_statement_is_served_by_its_index(
    some: psycopg.Connection, statement: LiteralString, parameters: Mapping[str, object], indexes: set[str]
) -> None:
    # Other tables are empty, and cheapest read through: that is off, so that what remains is what indexes can do.
    plan = "\n".join(line for (line,) in some.execute(f"EXPLAIN {statement}", parameters).fetchall())

    assert indexes <= set(re.findall(r"Index (?:Only )?Scan (?:Backward )?using (\w+)", plan)), plan
    assert not re.search(r"Seq Scan on (bookings|purchases|ledger|reviews)", plan), plan
    if statement is not slots.CALENDAR:  # its few rows are put in order after they were found
        assert "Sort" not in plan, plan
