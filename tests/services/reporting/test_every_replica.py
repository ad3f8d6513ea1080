"""Every replica of every service: what is planted in it is found, and healed by its owner's word."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from services.reporting import integrity as report_of
from services.reporting import rebuild as rebuilding
from services.reporting.integrity import comparing, peers
from services.reporting.integrity.peers import Peers
from shared import integrity
from shared.broker import Broker
from shared.events.base import Envelope
from shared.worker import Runtime
from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.services.reporting.test_exactness import rows as kept
from tests.services.reporting.test_integrity import report

SERVICES = ("auth", "profiles", "bookings", "messaging", "notifications", "reporting")
# Where each service keeps which replica: table, id, and a column to be altered. A new replica belongs here too.
REPLICAS = {
    ("profiles", "user"): ("accounts", "user_id", "last_name = 'Altered'"),
    ("profiles", "booking"): ("lessons", "booking_id", "status = 'EXPIRED'"),
    ("profiles", "rating"): ("ratings", "tutor_id", "total_reviews = 99"),
    ("bookings", "user"): ("accounts", "id", "avatar_url = 'http://host/altered.png'"),
    ("bookings", "tutor"): ("tutors", "id", "currency = 'XAF'"),
    ("messaging", "user"): ("people", "id", "name = 'Altered'"),
    ("messaging", "booking"): ("bookings", "id", "tutor_user_id = 99"),
    ("notifications", "user"): ("people", "id", "first_name = 'Altered'"),
    ("reporting", "user"): ("users", "user_id", "last_name = 'Altered'"),
    ("reporting", "tutor"): ("tutors", "tutor_id", "status = 'rejected'"),
    ("reporting", "subject"): ("subjects", "subject_id", "name = 'Altered'"),
    ("reporting", "booking"): ("bookings", "booking_id", "subject_name = 'Altered'"),
    ("reporting", "purchase"): ("purchases", "purchase_id", "credits_remaining = 1"),
}
IRREMOVABLE = {("profiles", "user"), ("messaging", "user")}  # what people own hangs on them
NOBODY = 900_000  # an id that no owner knows
LESSONS = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, respond_by,
  moved_by, created_at, updated_at)
SELECT %(student)s, %(tutor)s, %(tutor_user)s, now() + n * interval '1 day', now() + n * interval '1 day 1 minute',
  'online', 'CONFIRMED', 45, 'USD', now(),
  'student', now(), now() FROM generate_series(1, 3) AS n RETURNING id
"""
PACKAGE = """
INSERT INTO packages (tutor_id, tutor_user_id, name, session_count, price, currency, duration_minutes, validity_days, is_active,
  created_at) VALUES (1, 2, 'Ten', 10, 200, 'USD', 60, 90, true, now()) RETURNING id
"""
PURCHASES = """
INSERT INTO purchases (package_id, package_name, tutor_id, tutor_user_id, student_id, session_count, credits_remaining, price,
  currency, duration_minutes, status, purchased_at, expires_at)
SELECT %(package)s, 'Ten', 1, 2, 1, 10, 10, 200, 'USD', 60, 'active', now(), now() FROM generate_series(1, 3) RETURNING id
"""
RATINGS = "INSERT INTO ratings (tutor_id, version, total_reviews, sum_of_ratings) SELECT n, 1, 2, 9 FROM generate_series(1, 3) n"


ADMIN, STUDENT, TUTOR = 900_001, 900_002, 900_003  # nobody else's: what is revoked stays so for every test of this process
PEOPLE = f"""
INSERT INTO accounts (id, email, password_hash, role, first_name, last_name) OVERRIDING SYSTEM VALUE VALUES
  ({ADMIN}, 'ada@example.com', '', 'admin', 'Ada', 'Lee'), ({STUDENT}, 'sue@example.com', '', 'student', 'Sue', 'Lee'),
  ({TUTOR}, 'tom@example.com', '', 'tutor', 'Tom', 'Lee')
"""


class Platform:
    """All services in one process, and the way of their events to each other."""

    def __init__(self, services: dict[str, Harness]) -> None:
        self.services = services

    async def carry(self) -> int:
        """Take what every outbox has to everybody who subscribed to it; how much there was."""
        carried = 0
        for publisher in self.services.values():
            async with publisher.database.transaction() as tx:
                rows = await tx.rows(
                    "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox LIMIT 200) RETURNING body"
                )
            for row in rows:
                envelope = Envelope.model_validate_json(bytes(row["body"]))
                for service in self.services.values():
                    if envelope.type in service.service.subscriptions.kinds:
                        await service.service.subscriptions.handle(service.database, envelope)
            carried += len(rows)
        return carried

    async def settle(self) -> None:
        while await self.carry():
            pass

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        async def live() -> None:
            while True:
                await self.carry()
                await asyncio.sleep(0.01)

        living = asyncio.ensure_future(live())
        yield
        assert not living.done(), living.exception()
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living

    async def run(self, service: str, sql: Any, **params: Any) -> list[dict[str, Any]]:
        async with self.services[service].database.transaction() as tx:
            cursor = await tx.connection.execute(sql, params)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in (await cursor.fetchall() if names else [])]

    async def resend(self, owner: str, entity: str, ids: list[int]) -> None:
        answer = await self.services[owner].internal().post(f"/internal/integrity/owned/{entity}/resend", json={"ids": ids})
        assert answer.status_code == 204, answer.text


@pytest.fixture(scope="session")
async def others(start: Start) -> dict[str, Harness]:
    return {name: await start(name) for name in SERVICES if name != "reporting"}


@pytest.fixture
async def platform(
    others: dict[str, Harness], service: Harness, clean_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    services = others | {"reporting": service}
    for name, harness in services.items():
        monkeypatch.setitem(service.app.state.peers.clients, name, harness.internal())
    monkeypatch.setattr(comparing, "GRACE", 0.3)
    monkeypatch.setattr(comparing, "HEALING", 30.0)  # six services share this process
    monkeypatch.setattr(report_of, "PATIENCE", 120.0)
    platform = Platform(services)
    await _populate(platform)
    return platform


async def _populate(platform: Platform) -> None:
    """A few of everything that anybody keeps a replica of."""
    client = platform.services["auth"].client()
    for number in range(6):
        role = "tutor" if number % 2 else "student"
        body = {
            "email": f"p{number}@example.com",
            "password": "password123",
            "first_name": "Ann",
            "last_name": "Lee",
            "role": role,
        }
        assert (await client.post("/auth/register", json=body)).status_code == 201
    await platform.run("profiles", "INSERT INTO subjects (name) SELECT 'Subject ' || n FROM generate_series(1, 3) AS n")
    await platform.run("bookings", RATINGS)
    bookings = [row["id"] for row in await platform.run("bookings", LESSONS, student=1, tutor=1, tutor_user=2)]
    (package,) = await platform.run("bookings", PACKAGE)
    purchases = [row["id"] for row in await platform.run("bookings", PURCHASES, package=package["id"])]
    await platform.settle()
    subjects = [row["id"] for row in await platform.run("profiles", "SELECT id FROM subjects")]
    await platform.resend("profiles", "subject", subjects)
    await platform.resend("bookings", "booking", bookings)
    await platform.resend("bookings", "purchase", purchases)
    await platform.resend("bookings", "rating", [1, 2, 3])
    await platform.settle()


@pytest.mark.timeout(300)
async def test_nothing_differs_after_people_were_deleted_and_purged(platform: Platform, service: Harness) -> None:
    await platform.run("auth", PEOPLE)
    await platform.resend("auth", "user", [ADMIN, STUDENT, TUTOR])
    lessons = await platform.run("bookings", LESSONS, student=STUDENT, tutor=2, tutor_user=TUTOR)
    await platform.resend("bookings", "booking", [row["id"] for row in lessons])
    await platform.settle()
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


@pytest.mark.timeout(300)
async def test_what_is_planted_in_any_replica_is_found_and_healed(platform: Platform, service: Harness) -> None:
    healthy = await report(service)
    assert (healthy["status"], healthy["issues"], healthy["unchecked"]) == ("healthy", [], [])
    assert {(pair["service"], pair["entity"]) for pair in healthy["checked"]} == REPLICAS.keys()

    planted = {}
    for (name, entity), (table, key, altered) in REPLICAS.items():
        rows = await platform.run(name, f"SELECT {key} FROM {table} ORDER BY {key} LIMIT 3")
        assert len(rows) == 3, f"no examples of {entity} in {name}"
        ahead, gone, changed = (row[key] for row in rows)
        await platform.run(
            name,
            f"""INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object('{key}', {NOBODY}))).* FROM {table} AS r
            WHERE {key} = %(id)s""",
            id=ahead,
        )
        planted[name, entity, NOBODY] = "unknown to its owner"
        await platform.run(name, f"UPDATE {table} SET version = version + 7 WHERE {key} = %(id)s", id=ahead)
        planted[name, entity, ahead] = "ahead of its owner"
        await platform.run(name, f"UPDATE {table} SET {altered} WHERE {key} = %(id)s", id=changed)
        planted[name, entity, changed] = "altered"
        if (name, entity) == ("profiles", "user"):  # tutors hang on it
            await platform.run(name, f"UPDATE {table} SET version = 0 WHERE {key} = %(id)s", id=gone)
            planted[name, entity, gone] = "outdated"
        else:
            await platform.run(name, f"DELETE FROM {table} WHERE {key} = %(id)s", id=gone)
            planted[name, entity, gone] = "missing"
    incurable = {(*replica, NOBODY) for replica in IRREMOVABLE}

    found = await report(service)
    assert {(i["service"], i["entity"], i["id"]): i["problem"] for i in found["issues"]} == planted
    async with platform.alive():
        healed = await report(service, repair="true")
    assert {(i["service"], i["entity"], i["id"]) for i in healed["issues"]} == incurable
    assert {(i["service"], i["entity"], i["id"]) for i in healed["repaired"]} == planted.keys() - incurable
    assert len((await report(service))["issues"]) == len(incurable)


@pytest.mark.timeout(300)
async def test_what_is_older_than_the_stream_comes_from_its_owners(
    platform: Platform, service: Harness, monkeypatch: pytest.MonkeyPatch, new_vhost: Callable[[str], str]
) -> None:
    """A stream that has forgotten everything, and owners that say no more than two at a time."""
    monkeypatch.setattr(peers, "RESENT", 2)
    monkeypatch.setattr(integrity, "BLOCK", 2)
    monkeypatch.setattr(comparing, "BLOCKS", 1)
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
