"""An account has so many sessions at once and no more, so that all of them can be ended in one moment."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import jwt
import psycopg
import pytest

from services.auth import jobs, queries, rules
from services.auth.actions import sessions
from shared.worker import Runtime
from tests.harness import Harness
from tests.servers import Databases
from tests.services.auth.people import account, login, refreshed, signed_in

MANY: LiteralString = """
INSERT INTO sessions (id, account_id, network, created_at, expires_at, revoked_at)
SELECT gen_random_uuid(), %(account_id)s, '203.0.113.' || n %% 100, now() - n * interval '1 minute',
  now() + interval '30 days' - n * interval '1 minute', CASE WHEN n > %(live)s THEN now() END
FROM generate_series(1, %(all)s) AS n
"""


@pytest.fixture
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LIVE_SESSIONS", 3)


async def has_had(service: Harness, account_id: int, live: int, ended: int = 0) -> None:
    """The account signed in so often before."""
    async with service.database.transaction() as tx:
        await tx.run(MANY, account_id=account_id, live=live, all=live + ended)


async def live_sessions(service: Harness) -> int:
    async with service.database.reading() as tx:
        number: int = await tx.value("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
        return number


@pytest.mark.usefixtures("three_at_once")
async def test_of_too_many_sessions_the_one_that_was_not_used_for_longest_ends(service: Harness) -> None:
    user_id = await account(service)
    first, second, third = [await signed_in(service) for _ in range(3)]
    first = (await refreshed(service, first["refresh_token"])).json()

    fourth = await signed_in(service)

    assert (await refreshed(service, second["refresh_token"])).status_code == 401
    for tokens in (first, third, fourth):
        assert (await refreshed(service, tokens["refresh_token"])).status_code == 200
    (revoked,) = await service.outbox("auth.session.revoked.v1")
    ended = jwt.decode(second["access_token"], options={"verify_signature": False})["sid"]
    assert (revoked["data"]["user_id"], revoked["data"]["session_id"]) == (user_id, ended)


@pytest.mark.usefixtures("three_at_once")
async def test_sessions_that_are_over_make_no_other_end(service: Harness) -> None:
    await account(service)
    first = await signed_in(service)
    for _ in range(3):
        await signed_in(service)
        async with service.database.transaction() as tx:
            await tx.run("UPDATE sessions SET expires_at = now() WHERE created_at = (SELECT max(created_at) FROM sessions)")

    assert (await refreshed(service, first["refresh_token"])).status_code == 200


@pytest.mark.usefixtures("three_at_once")
async def test_a_shorter_life_of_sessions_ends_no_new_one(service: Harness) -> None:
    """Those of before live on for longer than it will."""
    await account(service)
    for _ in range(3):
        await signed_in(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE sessions SET expires_at = expires_at + interval '100 days'")

    assert (await refreshed(service, (await signed_in(service))["refresh_token"])).status_code == 200


@pytest.mark.usefixtures("three_at_once")
async def test_an_address_whose_sessions_all_ended_is_still_known(service: Harness) -> None:
    user_id = await account(service)
    await login(service, address="198.51.100.7")
    for _ in range(3):
        await login(service)
    async with service.database.transaction() as tx:
        for last in range(100):
            subject = rules.subject(user_id, "")
            await tx.run(queries.FAILED, subject=subject, network=f"203.0.113.{last}", now=datetime.now(UTC))

    assert (await login(service, address="198.51.100.8")).status_code == 429
    assert (await login(service, address="198.51.100.7")).status_code == 200


@pytest.mark.usefixtures("three_at_once")
async def test_sign_ins_and_refreshes_at_once_wait_for_each_other_in_no_circle(service: Harness) -> None:
    await account(service)
    before = [await signed_in(service) for _ in range(3)]

    answers = await asyncio.gather(
        *(login(service) for _ in range(12)), *(refreshed(service, tokens["refresh_token"]) for tokens in before)
    )

    assert Counter(a.status_code for a in answers[:12]) == {200: 12}
    assert {a.status_code for a in answers[12:]} <= {200, 401}
    await login(service)
    assert await live_sessions(service) == 3


async def test_too_many_sessions_of_before_end_some_at_each_sign_in_and_all_by_a_job(
    service: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SURPLUS", 50)
    await has_had(service, await account(service), live=300)
    await has_had(service, await account(service, "jane@example.com"), live=100)

    await login(service)
    assert await live_sessions(service) == 100 + 301 - 50

    await jobs.end_surplus_sessions(runtime)
    assert await live_sessions(service) == 100 + 100
    assert await service.outbox("auth.session.revoked.v1") == [], "their access tokens expired long ago"


# The one that ends is looked for once, then locked, then changed.
IN_A_CROWD: list[tuple[LiteralString, Mapping[str, object], int]] = [
    (queries.END_SESSIONS, {}, 100),
    (queries.END_SURPLUS, {"most": 99, "batch": 500, "longest_token": timedelta(hours=1)}, 103),
    (
        queries.ATTEMPTS,
        {
            "subject": b"",
            "network": "192.0.2.1",
            "window": rules.WINDOW,
            "of_pair": 10,
            "of_account": 100,
            "known_for": rules.KNOWN_FOR,
        },
        0,
    ),
]


@pytest.mark.parametrize(("statement", "parameters", "most"), IN_A_CROWD, ids=["end all", "end some", "attempts"])
async def test_sessions_that_ended_are_not_read(
    service: Harness, databases: Databases, statement: LiteralString, parameters: Mapping[str, object], most: int
) -> None:
    user_id = await account(service)
    with psycopg.connect(databases.owners["auth"]) as connection:
        connection.execute(MANY, {"account_id": user_id, "live": 100, "all": 10_000})
        connection.execute("ANALYZE sessions")
        values = {"account_id": user_id, "now": datetime.now(UTC), **parameters}
        ((root,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).fetchone() or ()
        connection.rollback()

    assert rows_read(root["Plan"]) <= most, root


def rows_read(node: dict[str, Any]) -> int:
    """Of sessions, those thrown away after they were read included."""
    below = sum(rows_read(child) for child in node.get("Plans", ()))
    if node.get("Relation Name") != "sessions" or node["Node Type"] == "ModifyTable":
        return below
    return below + int(node["Actual Loops"]) * int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
