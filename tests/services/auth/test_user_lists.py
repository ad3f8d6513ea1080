"""The administrators' lists cost the same with a million accounts: totals are kept, pages come in the order of an index."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest

from services.auth import queries
from services.auth.jobs import fold_counts
from shared.worker import Runtime
from tests.harness import Harness
from tests.servers import Databases
from tests.services.auth.people import account, administrator

SOME = """
INSERT INTO accounts (email, password_hash, role, first_name, last_name, is_active, deleted_at)
SELECT n || '@example.com', '', CASE WHEN n % 100 = 0 THEN 'tutor' ELSE 'student' END, 'John', 'Doe', n % 50 <> 0,
  CASE WHEN n % 20 = 0 AND n % 100 <> 0 THEN now() END
FROM generate_series(1, 5000) AS n
"""
FILTERS: tuple[dict[str, str | bool], ...] = (
    {},
    {"role": "student"},
    {"is_active": True},
    {"is_active": False},
    {"role": "admin", "is_active": True},
)


async def totals(service: Harness) -> list[tuple[object, object]]:
    """What the list says, and what there is, for every kind of filter."""
    admin = service.person(1, "admin")
    found = []
    for filters in FILTERS:
        said = (await admin.get("/api/admin/users", params=filters)).json()["total"]
        conditions = " AND ".join(["deleted_at IS NULL", *(f"{name} = %({name})s" for name in filters)])
        async with service.database.reading() as tx:
            cursor = await tx.connection.execute(f"SELECT count(*) FROM accounts WHERE {conditions}", filters)
            (counted,) = await cursor.fetchone() or (None,)
        found.append((said, counted))
    return found


async def test_totals_are_right_after_every_kind_of_change(service: Harness, runtime: Runtime) -> None:
    _, admin = await administrator(service)
    ids = [await account(service, f"user{number}@example.com") for number in range(9)]
    for user_id in ids[:3]:
        await admin.put(f"/api/admin/users/{user_id}", json={"role": "tutor"})
    for user_id in ids[2:5]:
        await admin.put(f"/api/admin/users/{user_id}", json={"is_active": False})
    for user_id in ids[4:8]:
        await admin.delete(f"/api/admin/users/{user_id}")
    await admin.post("/api/audit/restore-user", json={"user_id": ids[4]})
    await admin.post("/api/audit/restore-user", json={"user_id": ids[5]})
    await admin.post("/api/audit/purge-old-deletes", json={"days_old": 0})
    async with service.database.transaction() as tx:
        await tx.run("DELETE FROM accounts WHERE id = %(id)s", id=ids[8])

    found = await totals(service)

    assert [said for said, _ in found] == [counted for _, counted in found]


async def test_totals_stay_right_while_accounts_come_and_rows_are_folded(service: Harness, runtime: Runtime) -> None:
    async def come(first: int) -> None:
        for number in range(first, first + 30):
            await account(service, f"user{number}@example.com", "tutor" if number % 3 else "student")

    async def fold() -> None:
        for _ in range(20):
            await fold_counts(runtime)

    await asyncio.gather(*(come(1000 * n) for n in range(5)), fold(), fold())
    before = await totals(service)
    await fold_counts(runtime)

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM account_counts") <= 100
    assert [said for said, _ in before] == [counted for _, counted in before]
    assert (await totals(service))[:2] == [(150, 150), (50, 50)]


@pytest.fixture
def some(service: Harness, databases: Databases) -> Iterator[psycopg.Connection]:
    """A database with some thousand accounts, known to the planner; taken back afterwards."""
    with psycopg.connect(databases.owners["auth"]) as connection:
        connection.execute(SOME)
        connection.execute("SELECT gin_clean_pending_list('accounts_search')")
        connection.execute("ANALYZE accounts")
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        yield connection
        connection.rollback()


@pytest.mark.parametrize(
    ("where", "values", "index"),
    [
        ("true", {}, "accounts_newest"),
        (queries.ACTIVE, {}, "accounts_newest"),
        (queries.INACTIVE, {}, "accounts_newest_inactive"),
        (queries.OF_ROLE, {"role": "tutor"}, "accounts_newest_of_role"),
        (f"{queries.ACTIVE} AND {queries.OF_ROLE}", {"role": "tutor"}, "accounts_newest_of_role"),
    ],
)
def test_a_page_comes_in_the_order_of_its_index(
    some: psycopg.Connection, where: LiteralString, values: Mapping[str, object], index: str
) -> None:
    statement = queries.USERS.format(where)
    plan = "\n".join(line for (line,) in some.execute(f"EXPLAIN {statement}", {"limit": 20, "offset": 0, **values}).fetchall())

    assert re.findall(r"Index Scan using (\w+)", plan) == [index], plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("statement", [queries.USERS, queries.COUNT_FOUND])
def test_a_search_is_served_by_its_index(some: psycopg.Connection, statement: LiteralString) -> None:
    some.execute("SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_indexscan = off")
    values = {"search": "%krüger%", "limit": 20, "offset": 0}
    plan = some.execute(f"EXPLAIN {statement.format(queries.FOUND)}", values).fetchall()

    assert "accounts_search" in repr(plan)
