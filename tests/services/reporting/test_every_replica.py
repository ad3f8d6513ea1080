"""Every replica of every service: whatever is planted in it is found, and healed by its owner's word."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.profiles.jobs import refresh_stale
from services.reporting import rebuild as rebuilding
from services.reporting.integrity import comparing, peers
from services.reporting.integrity.peers import Peers
from shared import integrity
from shared.broker import Broker
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.reporting.platform import LESSONS, Platform
from tests.services.reporting.test_exactness import rows as kept
from tests.services.reporting.test_integrity import report

# Where each service keeps which replica: table, and its column of the id. A new replica belongs here too.
REPLICAS = {
    ("profiles", "user"): ("accounts", "user_id"),
    ("profiles", "booking"): ("lessons", "booking_id"),
    ("profiles", "rating"): ("ratings", "tutor_id"),
    ("profiles", "presence"): ("presences", "user_id"),
    ("bookings", "user"): ("accounts", "id"),
    ("bookings", "tutor"): ("tutors", "id"),
    ("messaging", "user"): ("people", "id"),
    ("messaging", "booking"): ("bookings", "id"),
    ("notifications", "user"): ("people", "id"),
    ("notifications", "block"): ("blocks", "blocker_id"),
    ("reporting", "user"): ("users", "user_id"),
    ("reporting", "tutor"): ("tutors", "tutor_id"),
    ("reporting", "subject"): ("subjects", "subject_id"),
    ("reporting", "booking"): ("bookings", "booking_id"),
    ("reporting", "purchase"): ("purchases", "purchase_id"),
}
# Columns that are compared with nothing, and why.
UNCOMPARED = {
    ("notifications", "block", "changed_at"): "when it was last said, which a resync does as of now",
}
IRREMOVABLE = {("profiles", "user"), ("messaging", "user")}  # what people own hangs on them
NOBODY = 900_000  # an id that no owner knows
# Type of a column → another value of it, of the same type.
ALTERED = {
    "bigint": "coalesce({0}, 0) + 7",
    "integer": "coalesce({0}, 0) + 7",
    "numeric": "coalesce({0}, 0) + 1",
    "text": "coalesce({0}, '') || 'x'",
    "character varying": "coalesce({0}, '') || 'x'",
    "boolean": "NOT {0}",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 second'",
    "jsonb": "{0} - 0",
}
COLUMNS = """
SELECT column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %(table)s AND column_name <> %(key)s ORDER BY ordinal_position
"""
UNKNOWN = """
INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object('{key}', {nobody}))).* FROM {table} AS r
WHERE {key} = %(id)s
"""

ADMIN, STUDENT, TUTOR = 900_001, 900_002, 900_003  # nobody else's: what is revoked stays so for every test of this process
PEOPLE = f"""
INSERT INTO accounts (id, email, password_hash, role, first_name, last_name) OVERRIDING SYSTEM VALUE VALUES
  ({ADMIN}, 'ada@example.com', '', 'admin', 'Ada', 'Lee'), ({STUDENT}, 'sue@example.com', '', 'student', 'Sue', 'Lee'),
  ({TUTOR}, 'tom@example.com', '', 'tutor', 'Tom', 'Lee')
"""
BLOCK = """
INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES (%(blocker)s, %(blocked)s, now()) RETURNING blocker_id AS id
"""
Planted = dict[tuple[str, str, int], str]
"""Service, entity and id → what was done to the row."""


@pytest.mark.timeout(300)
async def test_nothing_differs_after_people_were_deleted_and_purged(platform: Platform, service: Harness) -> None:
    await platform.run("auth", PEOPLE)
    await platform.resend("auth", "user", [ADMIN, STUDENT, TUTOR])
    await platform.tell("bookings", "booking", LESSONS, student=STUDENT, tutor=2, tutor_user=TUTOR, many=3)
    await platform.tell("messaging", "block", BLOCK, blocker=STUDENT, blocked=TUTOR)
    client = platform.services["auth"].person(ADMIN, "admin")

    for user_id in (STUDENT, TUTOR):
        assert (await client.delete(f"/api/admin/users/{user_id}")).status_code == 204
    await platform.settle()
    deleted = await report(service)
    purged = await client.post("/api/audit/purge-old-deletes", json={"days_old": 0})
    await platform.settle()

    assert purged.json()["purged"] == 2
    for found in (deleted, await report(service)):
        assert (found["issues"], found["status"], found["unchecked"]) == ([], "healthy", [])


async def plant(platform: Platform, name: str, entity: str) -> Planted:
    """Spoil a row in each possible way: each column altered, the row gone, and one that no owner knows."""
    table, key = REPLICAS[name, entity]
    ids = iter([row[key] for row in await platform.run(name, f"SELECT DISTINCT {key} FROM {table} ORDER BY {key}")])
    source = next(ids)
    await platform.run(name, UNKNOWN.format(table=table, key=key, nobody=NOBODY), id=source)
    planted = {(name, entity, NOBODY): "unknown"}
    if (name, entity) not in IRREMOVABLE:
        await platform.run(name, f"DELETE FROM {table} WHERE {key} = %(id)s", id=source)
        planted[name, entity, source] = "gone"
    for column in await platform.run(name, COLUMNS, table=table, key=key):
        if (name, entity, column["name"]) not in UNCOMPARED:
            altered, id_ = ALTERED[column["type"]].format(column["name"]), next(ids)
            await platform.run(name, f"UPDATE {table} SET {column['name']} = {altered} WHERE {key} = %(id)s", id=id_)
            planted[name, entity, id_] = column["name"]
    return planted


async def states(platform: Platform) -> dict[tuple[str, str], list[Any]]:
    """Every row of every replica, but for its version: some owners count a healing."""
    found = {}
    for (name, entity), (table, _) in REPLICAS.items():
        left_out = ["version", *(column for *replica, column in UNCOMPARED if replica == [name, entity])]
        sql = f"SELECT (to_jsonb(r) - %(out)s::text[])::text AS row FROM {table} AS r ORDER BY 1"
        found[name, entity] = [row["row"] for row in await platform.run(name, sql, out=left_out)]
    return found


def keys(findings: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    return {(found["service"], found["entity"], found["id"]) for found in findings}


@pytest.mark.timeout(300)
async def test_whatever_column_of_whatever_replica_is_altered_is_found_and_healed(platform: Platform, service: Harness) -> None:
    healthy = await report(service)
    assert (healthy["status"], healthy["issues"], healthy["unchecked"]) == ("healthy", [], [])
    assert {(pair["service"], pair["entity"]) for pair in healthy["checked"]} == REPLICAS.keys()
    before = await states(platform)

    planted: Planted = {}
    for name, entity in REPLICAS:
        planted |= await plant(platform, name, entity)
    found = await report(service)
    assert {row: what for row, what in planted.items() if row not in keys(found["issues"])} == {}
    # What profiles has wrong of accounts it says of their tutors; whoever notifications takes for purged has no blocks there.
    follow = {("bookings", "tutor"), ("reporting", "tutor"), ("notifications", "block")}
    assert {(name, entity) for name, entity, _ in keys(found["issues"]) - planted.keys()} <= follow

    async with platform.alive():
        healed = await report(service, repair="true")
    incurable = {(*replica, NOBODY) for replica in IRREMOVABLE}
    assert (keys(healed["issues"]), planted.keys() - keys(healed["repaired"])) == (incurable, incurable)
    assert keys((await report(service))["issues"]) == incurable
    for name, entity, id_ in incurable:
        table, key = REPLICAS[name, entity]
        await platform.run(name, f"DELETE FROM {table} WHERE {key} = %(id)s", id=id_)
    assert await states(platform) == before


CALENDAR_FAULTS = (
    """windows = jsonb_set(windows, '{0,start}', '"01:15:00"')""",
    "windows = jsonb_set(windows, '{1,weekday}', '3')",
    """windows = jsonb_set(windows, '{3,on}', '"2100-01-01"')""",
    """windows = windows || '{"weekday": 6, "on": null, "start": "08:00:00", "end": "09:00:00"}'""",
    """days_off = jsonb_set(days_off, '{0,end}', '"22:00:00"')""",
    """days_off = jsonb_set(days_off, '{1,last}', '"2100-01-01"')""",
    """subjects = jsonb_set(subjects, '{0,name}', '"Alchemy"')""",
    "subjects = '[]'",
    """windows = '"nonsense"'""",
)


@pytest.mark.timeout(300)
async def test_a_calendar_that_differs_in_anything_is_healed(platform: Platform, service: Harness) -> None:
    before = await states(platform)
    tutors = await platform.run("bookings", "SELECT id FROM tutors ORDER BY id")
    faults = dict(zip((tutor["id"] for tutor in tutors), CALENDAR_FAULTS, strict=False))
    for tutor_id, fault in faults.items():
        await platform.run("bookings", f"UPDATE tutors SET {fault} WHERE id = %(id)s", id=tutor_id)

    async with platform.alive():
        healed = await report(service, repair="true")

    assert keys(healed["repaired"]) == {("bookings", "tutor", tutor_id) for tutor_id in faults}
    assert healed["issues"] == []
    assert await states(platform) == before


@pytest.mark.timeout(300)
async def test_what_is_on_its_way_without_a_version_is_no_false_alarm(
    platform: Platform, service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that was just made, and a subject that was just renamed: those who teach it are said anew by a job."""
    profiles = platform.services["profiles"]
    one, other, *_ = await platform.run("auth", "SELECT id FROM accounts ORDER BY id DESC")
    (subject,) = await platform.run("profiles", "SELECT id FROM subjects WHERE name = 'Subject 1'")
    blocking = await platform.services["messaging"].person(one["id"]).post(f"/api/messages/blocks/{other['id']}")
    renaming = await profiles.person(ADMIN, "admin").put(f"/api/subjects/{subject['id']}", json={"name": "Alchemy"})
    assert (blocking.is_success, renaming.is_success) == (True, True), (blocking.text, renaming.text)
    late = {(issue["service"], issue["entity"]) for issue in (await report(service))["issues"]}
    assert late == {("notifications", "block"), ("bookings", "tutor"), ("reporting", "subject")}
    monkeypatch.setattr(comparing, "GRACE", 20.0)

    async def arrive() -> None:
        await refresh_stale(Runtime(profiles.app.state.settings, profiles.database))
        await platform.settle()

    found, _ = await asyncio.gather(report(service), arrive())

    assert found["issues"] == []


async def test_what_is_over_is_not_compared(platform: Platform, service: Harness) -> None:
    """Its owner does not say it any more, and whoever heard of it then keeps it."""
    past = '{"first": "2020-01-01", "last": "2020-01-02", "start": null, "end": null}'
    await platform.run("bookings", "UPDATE tutors SET days_off = days_off || %(past)s::jsonb", past=past)

    assert (await report(service))["issues"] == []


@pytest.mark.timeout(300)
async def test_what_is_older_than_the_stream_comes_from_its_owners(
    platform: Platform, service: Harness, monkeypatch: pytest.MonkeyPatch, new_vhost: Callable[[str], str]
) -> None:
    """A stream that has forgotten everything, and owners that say no more than two at a time."""
    monkeypatch.setattr(peers, "RESENT", 2)
    monkeypatch.setattr(integrity, "BLOCK", 2)
    monkeypatch.setattr(comparing, "BLOCKS", 1)
    monkeypatch.setattr(comparing, "LOOK", 0.01)
    monkeypatch.setattr(rebuilding, "Peers", lambda *_: Neighbourhood(platform))
    settings = service.app.state.settings.model_copy(update={"amqp_url": await _empty_stream(service, new_vhost("empty"))})
    before = await kept(service)
    assert all(before[table] for table in ("users", "tutors", "subjects", "bookings", "purchases", "counters"))
    async with service.database.transaction() as tx:
        await tx.run("UPDATE users SET version = 1000, role = 'admin' WHERE user_id < 3")
        await tx.run("INSERT INTO subjects VALUES (4711, 1, 'Alchemy', false)")
    async with platform.alive():
        await rebuilding.rebuild(Runtime(settings, service.database))

    after = await kept(service)
    assert [act[0]["action"] for act in after.pop("audit_log")] == ["read_models_rebuilt"]
    assert after == {table: found for table, found in before.items() if table != "audit_log"}


class Neighbourhood(Peers):
    """The platform's services, as a command of its own would reach them."""

    def __init__(self, platform: Platform) -> None:
        super().__init__({}, "")
        self.clients = {name: harness.internal() for name, harness in platform.services.items()}


async def _empty_stream(service: Harness, amqp_url: str) -> str:
    await Broker(amqp_url, "reporting").declare_inbox("reporting", service.service.subscriptions.bindings)
    return amqp_url
