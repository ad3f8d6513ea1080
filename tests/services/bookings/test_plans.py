"""Every list and every job has an index that serves its order: nothing is sorted, nothing is read through."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import psycopg
import pytest

from services.bookings.queries import lessons, packages, reviews, slots
from tests.harness import Harness
from tests.servers import Databases
from tests.services.bookings.people import in_days

PAGE: dict[str, object] = {"limit": 20, "offset": 0}
MINE = {"user_id": 1, "statuses": ["PENDING", "COMPLETED"], "now": in_days(0)} | PAGE
DUE: dict[str, object] = {"now": in_days(0), "batch": 100, "failed": []}
RANGE = {"tutor_id": 1, "student_id": 2, "low": in_days(1), "high": in_days(32)}
WISH = {"tutor_id": 1, "student_id": 2, "start_at": in_days(1), "end_at": in_days(1, 13)}
CREDIT = {"student_id": 1, "named": 2, "tutor_id": 1, "minutes": 60, "now": in_days(0)}
ANY, UPCOMING, PENDING = lessons.IN_STATES, lessons.UPCOMING, lessons.PENDING

PLANS: list[tuple[LiteralString, Mapping[str, object], set[str]]] = [
    (lessons.LIST.format(whose=lessons.TAKEN, which=ANY), MINE, {"bookings_of_student"}),
    (lessons.LIST.format(whose=lessons.GIVEN, which=ANY), MINE, {"bookings_of_tutor"}),
    (lessons.LIST.format(whose=lessons.TAKEN, which=PENDING), MINE, {"live_of_student"}),
    (lessons.LIST.format(whose=lessons.GIVEN, which=PENDING), MINE, {"live_of_tutor"}),
    (lessons.LIST_SOONEST.format(whose=lessons.TAKEN, which=UPCOMING), MINE, {"live_of_student"}),
    (lessons.LIST_SOONEST.format(whose=lessons.GIVEN, which=UPCOMING), MINE, {"live_of_tutor"}),
    (lessons.COUNT.format(whose=lessons.TAKEN, which=ANY), MINE, {"bookings_of_student"}),
    (lessons.COUNT.format(whose=lessons.GIVEN, which=ANY), MINE, {"bookings_of_tutor"}),
    (lessons.DUE_TO_EXPIRE, DUE, {"bookings_to_answer"}),
    (lessons.DUE_TO_COMPLETE, DUE, {"bookings_to_complete"}),
    (lessons.DUE_TO_REMIND, DUE, {"bookings_to_remind"}),
    (lessons.ANSWERED_AFTER, {"after": 0, "batch": 500}, {"bookings_pkey", "booking_moves_pkey"}),
    (lessons.HISTORY, {"id": 1}, {"booking_moves_pkey"}),
    (lessons.OVERDUE, DUE, {"bookings_to_answer", "bookings_to_complete"}),
    (packages.DUE_TO_EXPIRE, DUE, {"purchases_to_expire"}),
    (packages.UNSETTLED, DUE, {"ledger_to_settle"}),
    (packages.PURCHASES, {"user_id": 1} | PAGE, {"purchases_of_student"}),
    (packages.SALES, {"user_id": 1} | PAGE, {"purchases_of_tutor"}),
    (packages.ALL_PURCHASES.format(whose="true"), PAGE, {"purchases_pkey"}),
    (packages.ALL_PURCHASES.format(whose=packages.OF_STUDENT), {"student_id": 1} | PAGE, {"purchases_of_student"}),
    (packages.ALL_PURCHASES.format(whose=packages.WITH_TUTOR), {"tutor_id": 1} | PAGE, {"purchases_with_tutor"}),
    (packages.LIST, {"tutor_id": None, "user_id": 1, "sees_all": False} | PAGE, {"packages_pkey"}),
    (reviews.OF_TUTOR, {"tutor_id": 1} | PAGE, {"reviews_of_tutor"}),
]
FEW: list[tuple[LiteralString, Mapping[str, object], set[str]]] = [
    (slots.CALENDAR, RANGE, {"tutor_is_free"}),
    (lessons.WANTED, WISH, {"tutor_is_free"}),
    (packages.WITH_CREDIT, CREDIT, {"purchases_of_package", "purchases_pkey"}),
    (packages.USABLE, CREDIT, {"purchases_of_package", "purchases_pkey"}),
]
"""Whose few rows are put in order after they were found."""


LESSONS: LiteralString = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, respond_by,
  moved_by, created_at, updated_at)
SELECT n % 200, n % 50, n % 50, at, at + interval '1 hour', 'online',
  CASE WHEN n <= 4500 THEN 'COMPLETED' WHEN n / 50 % 2 = 0 THEN 'CONFIRMED' ELSE 'PENDING' END, 45, 'USD', at, 'system', at, at
FROM generate_series(1, 5000) AS n, LATERAL (SELECT now() + (n - 4476) * interval '1 hour' AS at) AS times
"""
"""The last tenth is still to come: ten lessons of each tutor, two or three of each student."""
PURCHASES: LiteralString = """
INSERT INTO packages (tutor_id, tutor_user_id, name, session_count, price, currency, duration_minutes, validity_days, is_active,
  created_at)
SELECT n, n, 'Five', 5, 200, 'USD', 60, 90, true, now() FROM generate_series(1, 50) AS n;
INSERT INTO purchases (package_id, package_name, tutor_id, tutor_user_id, student_id, session_count, credits_remaining, price,
  currency, duration_minutes, status, purchased_at, expires_at)
SELECT p.id, p.name, p.tutor_id, p.tutor_user_id, n, 5, 5, 200, 'USD', 60, 'active', now(), now() + interval '90 days'
FROM packages p, generate_series(1, 40) AS n
"""


@pytest.fixture
def some(service: Harness, databases: Databases) -> Iterator[psycopg.Connection]:
    """A database with some thousand lessons, known to the planner; taken back afterwards."""
    with psycopg.connect(databases.owners["bookings"]) as connection:
        connection.execute(LESSONS)
        connection.execute(PURCHASES)
        connection.execute("ANALYZE bookings; ANALYZE packages; ANALYZE purchases")
        connection.execute("SET LOCAL enable_seqscan = off")
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("statement", "parameters", "indexes"), PLANS)
def test_a_statement_is_served_by_its_index(
    some: psycopg.Connection, statement: LiteralString, parameters: Mapping[str, object], indexes: set[str]
) -> None:
    # Other tables are empty, and cheapest read through: that is off, so that what remains is what indexes can do.
    some.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")

    plan = explained(some, statement, parameters)

    assert indexes <= used(plan), plan
    assert not re.search(r"Seq Scan on (bookings|purchases|reviews|packages)", plan), plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize(("statement", "parameters", "indexes"), FEW)
def test_few_rows_are_found_by_an_index(
    some: psycopg.Connection, statement: LiteralString, parameters: Mapping[str, object], indexes: set[str]
) -> None:
    plan = explained(some, statement, parameters)

    assert indexes <= used(plan), plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("which", [UPCOMING, PENDING])
@pytest.mark.parametrize("statement", [lessons.LIST, lessons.LIST_SOONEST, lessons.COUNT])
@pytest.mark.parametrize(("whose", "live"), [(lessons.TAKEN, 3), (lessons.GIVEN, 10)])
def test_what_is_to_come_is_found_without_reading_what_was(
    some: psycopg.Connection, statement: LiteralString, which: LiteralString, whose: LiteralString, live: int
) -> None:
    sql = statement.format(whose=whose, which=which)
    ((root,),) = some.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", MINE).fetchone() or ()

    assert rows_read(root["Plan"]) <= live, root


def rows_read(node: dict[str, Any]) -> int:
    """Of bookings, those thrown away after they were read included."""
    below = sum(rows_read(child) for child in node.get("Plans", ()))
    if node.get("Relation Name") != "bookings":
        return below
    return below + int(node["Actual Loops"]) * int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))


def explained(some: psycopg.Connection, statement: LiteralString, parameters: Mapping[str, object]) -> str:
    return "\n".join(line for (line,) in some.execute(f"EXPLAIN {statement}", parameters).fetchall())


def used(plan: str) -> set[str]:
    """The indexes of a plan."""
    return set(re.findall(r"(?:Index (?:Only )?Scan (?:Backward )?using|Bitmap Index Scan on) (\w+)", plan))
