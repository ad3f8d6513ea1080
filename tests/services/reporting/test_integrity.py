"""The integrity report: finds every kind of difference, heals it, and raises no false alarm."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from deploy.local.databases import DatabaseUrls
from services.reporting import integrity, rules
from services.reporting.integrity import comparing, one_at_a_time, peers
from services.reporting.integrity.peers import Peers
from shared.outbox import publish
from tests.harness import Harness
from tests.services.reporting.owner import Owner, resend, resend_topics, running_owner, topic
from tests.services.reporting.people import booking, user

INSERT = "INSERT INTO people (id) SELECT generate_series(1, %s::bigint)"


@pytest.fixture(scope="module")
async def running(blank_database: Callable[[str], DatabaseUrls], amqp_url: str, redis_url: str) -> AsyncIterator[Owner]:
    async with running_owner(blank_database("auth").owner, amqp_url, redis_url) as owner:
        yield owner


@pytest.fixture
async def owner(running: Owner, service: Harness, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """Ten people, and the reporting service's replica of them."""
    running.run("TRUNCATE people, topics, outbox")
    running.run(INSERT, 10)
    monkeypatch.setattr(comparing, "GRACE", 0.3)
    clients = all_peers(service).clients
    monkeypatch.setitem(clients, "auth", running.client())
    monkeypatch.setitem(clients, "reporting", service.internal())
    await service.deliver(*(user(id_, first_name="Ann") for id_ in range(1, 11)))
    return running


def all_peers(service: Harness) -> Peers:
    found: Peers = service.app.state.peers
    return found


async def report(service: Harness, **params: Any) -> dict[str, Any]:
    answer = await service.person(1, "admin").get("/api/health/integrity", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return {**body["report"], "status": body["status"]}


async def spoil(service: Harness, sql: Any) -> None:
    async with service.database.transaction() as tx:
        await tx.connection.execute(sql)


async def test_only_an_administrator_sees_it(service: Harness) -> None:
    assert (await service.client().get("/api/health/integrity")).status_code == 401
    assert (await service.person(2).get("/api/health/integrity")).status_code == 403


async def test_no_stranger_reaches_what_services_tell_each_other(service: Harness) -> None:
    assert (await service.client().get("/internal/integrity")).status_code == 404
    assert (await service.person(1, "admin").post("/internal/integrity/replicas/user/blocks", json={})).status_code == 404


async def test_equal_replicas_are_healthy(service: Harness, owner: Owner) -> None:
    found = await report(service)

    assert found["issues"] == []
    assert {"service": "reporting", "entity": "user", "owner": "auth"} in found["checked"]
    assert (found["total_users"], found["role_counts"]) == (10, {"student": 10, "tutor": 0, "admin": 0})


async def test_a_service_that_cannot_be_asked_makes_the_report_incomplete_not_healthy(service: Harness, owner: Owner) -> None:
    found = await report(service)

    assert found["status"] == found["health_status"] == "incomplete"
    assert "bookings" in {missing["service"] for missing in found["unchecked"]}


PLANTED = [
    ("DELETE FROM users WHERE user_id = 3", rules.MISSING),
    ("UPDATE users SET first_name = 'Eve' WHERE user_id = 3", rules.ALTERED),
    ("UPDATE users SET deleted_at = now() WHERE user_id = 3", rules.ALTERED),
    ("UPDATE users SET version = 0, role = 'admin' WHERE user_id = 3", rules.OUTDATED),
    ("UPDATE users SET version = 9 WHERE user_id = 3", rules.AHEAD),
    ("UPDATE users SET user_id = 300000 WHERE user_id = 3", rules.UNKNOWN),
]


@pytest.mark.parametrize(("planted", "problem"), PLANTED)
async def test_a_difference_is_found_and_healed(service: Harness, owner: Owner, planted: str, problem: str) -> None:
    await spoil(service, planted)
    found = await report(service)
    assert found["status"] == "unhealthy"
    assert problem in {issue["problem"] for issue in found["issues"]}
    assert {issue["id"] for issue in found["issues"]} <= {3, 300000}

    async with owner.heard_by(service):
        healed = await report(service, repair="true")

    assert healed["issues"] == []
    assert [r["id"] for r in healed["repaired"]] == [issue["id"] for issue in found["issues"]]
    assert (await report(service))["issues"] == []
    async with service.database.reading() as tx:
        assert await tx.rows("SELECT DISTINCT version, role, first_name, deleted_at FROM users") == [
            {"version": 1, "role": "student", "first_name": "Ann", "deleted_at": None}
        ]
        assert await tx.value("SELECT value FROM counters WHERE measure = 'accounts' AND key = 'student'") == 10


async def test_what_its_owner_cannot_say_again_stays_an_issue(
    service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "HEALING", 0.3)
    await spoil(service, "DELETE FROM users WHERE user_id = 3")

    found = await report(service, repair="true")  # nobody carries the events

    assert [(issue["id"], issue["problem"]) for issue in found["issues"]] == [(3, rules.MISSING)]
    assert found["repaired"] == []


async def test_a_repair_makes_no_replica_believe_an_older_state(
    service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on its way since before the state that the owner has: a deletion that was taken back, say."""
    monkeypatch.setattr(comparing, "HEALING", 0.3)
    owner.run("UPDATE people SET version = 5 WHERE id = 3")
    await spoil(service, "UPDATE users SET version = 5, first_name = 'Eve' WHERE user_id = 3")
    await report(service, repair="true")  # nobody carries the events yet

    await service.deliver(user(3, first_name="Late", version=4))
    async with service.database.reading() as tx:
        assert await tx.value("SELECT first_name FROM users WHERE user_id = 3") == "Eve"
    async with owner.heard_by(service):
        assert (await report(service, repair="true"))["issues"] == []


async def test_a_repair_is_audited(service: Harness, owner: Owner) -> None:
    await report(service, repair="true")

    (event,) = await service.outbox("reporting.audit.recorded.v1")
    assert (event["data"]["action"], event["data"]["actor_id"]) == ("integrity_repaired", 1)


async def test_a_wrong_counter_is_found_and_counted_anew(service: Harness, owner: Owner) -> None:
    await service.deliver(booking(1), booking(2))
    await spoil(service, "UPDATE counters SET value = 7 WHERE measure = 'bookings'")
    (issue,) = (await report(service))["issues"]
    assert (issue["entity"], issue["problem"]) == ("counter", "bookings CONFIRMED: 7.00, not 2")

    assert (await report(service, repair="true"))["total_repaired"] == 1
    assert (await report(service))["issues"] == []


async def test_thousands_of_rows_in_many_blocks_are_compared(service: Harness, owner: Owner) -> None:
    """Ids far apart, so that there are many blocks, of which only those that differ are looked into."""
    owner.run("INSERT INTO people (id) SELECT n * 1000 FROM generate_series(1, 5000) AS n")
    await spoil(
        service,
        """INSERT INTO users SELECT n * 1000, 1, 'student', 'Ann', 'Last', true, false, now(), null
        FROM generate_series(1, 5000) AS n WHERE n NOT IN (7, 4444)""",
    )

    found = await report(service)

    assert [(issue["id"], issue["problem"]) for issue in found["issues"]] == [(7000, rules.MISSING), (4444000, rules.MISSING)]


async def test_much_is_said_again_in_little_pieces(service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner needs several statements for each: thousands in one request would outlast the patience of whoever asks."""
    monkeypatch.setattr(peers, "RESENT", 4)
    asked = []

    async def remember(request: httpx.Request) -> None:
        if request.url.path.endswith("/resend"):
            asked.append(len(json.loads(request.content)["ids"]))

    client = owner.client()
    client.event_hooks["request"].append(remember)
    monkeypatch.setitem(all_peers(service).clients, "auth", client)
    await spoil(service, "DELETE FROM users")

    async with owner.heard_by(service):
        healed = await report(service, repair="true")

    assert (healed["total_repaired"], healed["issues"]) == (10, [])
    assert asked == [4, 4, 2]


async def test_healing_is_waited_for_as_long_as_it_goes_on(
    service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "HEALING", 1.0)
    await spoil(service, "DELETE FROM users")

    async with owner.heard_by(service, at_once=1, every=0.2):  # two seconds for all
        healed = await report(service, repair="true")

    assert (healed["total_repaired"], healed["issues"]) == (10, [])


async def test_a_report_names_no_more_than_it_can_hold(service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST", 5)
    await spoil(service, "DELETE FROM users")

    issues = (await report(service))["issues"]

    assert [issue["id"] for issue in issues] == [*range(1, 11), None]
    assert issues[-1]["problem"] == "more than 5 rows differ"


async def test_what_takes_too_long_is_unchecked_and_the_repair_in_the_log(
    service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "PATIENCE", 1.0)
    monkeypatch.setattr(comparing, "HEALING", 60)
    await spoil(service, "DELETE FROM users WHERE user_id = 3")
    began = time.monotonic()

    found = await report(service, repair="true")  # nobody carries the events

    assert time.monotonic() - began < 5
    assert [issue["id"] for issue in found["issues"]] == [3]
    assert ("reporting", "user", "healing took too long") in {
        (u["service"], u["entity"], u["problem"]) for u in found["unchecked"]
    }
    assert len(await service.outbox("reporting.audit.recorded.v1")) == 1


async def test_a_service_that_only_listens_is_unchecked_soon(
    service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "SOON", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            monkeypatch.setitem(all_peers(service).clients, "bookings", client)
            found = await report(service)

    assert "bookings could not be asked (ReadTimeout)" in {missing["problem"] for missing in found["unchecked"]}
    assert found["issues"] == []


async def test_two_do_not_compare_at_once(service: Harness, owner: Owner) -> None:
    async with one_at_a_time(service.database):
        answer = await service.person(1, "admin").get("/api/health/integrity")

    assert (answer.status_code, answer.json()["code"]) == (409, "compared_already")
    assert (await report(service))["issues"] == []


async def test_a_busy_system_raises_no_false_alarm(service: Harness, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are made and changed, and subjects made and deleted, all the time, and each event is a little late."""
    monkeypatch.setattr(comparing, "GRACE", 5.0)
    monkeypatch.setattr(integrity, "PATIENCE", 120.0)  # one process does the work of seven
    monkeypatch.setitem(all_peers(service).clients, "profiles", owner.client())
    stop, number = asyncio.Event(), 0

    async def live() -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            await asyncio.sleep(0.05)  # no faster than what is said can be heard
            async with owner.harness.database.transaction() as tx:
                sql = """INSERT INTO people (id) VALUES (%(id)s), (%(new)s)
                ON CONFLICT (id) DO UPDATE SET version = people.version + 1, first_name = 'Changed' || people.version"""
                await tx.run(sql, id=number % 10 + 1, new=1000 + number)
                await resend(tx, [number % 10 + 1, 1000 + number])
                await tx.run("INSERT INTO topics (id) VALUES (%(id)s)", id=number)
                await resend_topics(tx, [number])
                await tx.run("DELETE FROM topics WHERE id = %(id)s", id=number - 20)
                await publish(tx, topic(number - 20, 2, deleted=True))

    busy = asyncio.ensure_future(live())
    async with owner.heard_by(service, every=0.2):
        while number < 80:
            found = await report(service)
            assert found["issues"] == []
            assert {"reporting.user", "reporting.subject"} <= {f"{c['service']}.{c['entity']}" for c in found["checked"]}
        stop.set()
        await busy
    async with owner.harness.database.reading() as tx:
        assert await tx.value("SELECT max(version) FROM people") > 5
    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM subjects WHERE deleted") > 5


async def test_an_unknown_field_is_refused_and_not_put_into_sql(service: Harness) -> None:
    answer = await service.internal().post(
        "/internal/integrity/replicas/user/blocks", json={"fields": ["1); DROP TABLE users; --"]}
    )

    assert answer.status_code == 422
