"""What the worker does, and the further commands."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio as redis

from services.auth.commands import first_admin, replace_key, resync, rotate_key
from services.auth.consumers import revocation_set
from services.auth.jobs import fill_revocations, forget_expired
from services.auth.secrets import digest
from shared import revocations
from shared.events.auth import SessionsRevoked
from shared.revocations import SET
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.auth.people import account, administrator, audited, login, refreshed, signed_in, state

SOON = datetime.now(UTC) + timedelta(minutes=20)


@pytest.fixture
async def known(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.from_url(redis_url, decode_responses=True) as client:
        await client.delete(SET)
        yield client
        await client.delete(SET)


async def members(client: redis.Redis) -> set[str]:
    found: list[Any] = await client.zrange(SET, 0, -1)
    return set(found)


async def test_a_revocation_is_remembered_where_starting_processes_look(service: Harness, known: redis.Redis) -> None:
    await service.deliver(
        SessionsRevoked(user_id=7, below_version=3, until=SOON), SessionsRevoked(user_id=7, session_id="abc", until=SOON)
    )

    assert await members(known) == {"user:7:3", "session:abc"}


async def test_what_no_longer_matters_is_dropped(service: Harness, known: redis.Redis) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await service.deliver(
        SessionsRevoked(user_id=7, session_id="old", until=past), SessionsRevoked(user_id=7, session_id="new", until=SOON)
    )

    assert await members(known) == {"session:new"}


async def test_without_redis_the_event_is_handled_all_the_same(service: Harness, known: redis.Redis) -> None:
    async with revocation_set.opened("redis://127.0.0.1:1/0"):
        await service.deliver(SessionsRevoked(user_id=7, session_id="abc", until=SOON))

    assert await members(known) == set()


async def test_a_redis_that_lost_everything_is_filled_again(service: Harness, runtime: Runtime, known: redis.Redis) -> None:
    user_id = await account(service)
    await signed_in(service)
    await service.person(user_id).post("/auth/logout-all")
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO revocations (event_id, account_id, below_version, until)
            SELECT gen_random_uuid(), 99, 5, now() - interval '1 minute'"""
        )

    for _ in range(2):
        await fill_revocations(runtime)

    assert await members(known) == {f"user:{user_id}:2"}


async def test_applied_twice_or_out_of_order_a_revocation_is_the_same(service: Harness) -> None:
    from shared.tokens import Claims, Revocations, Role

    known = Revocations()
    for version in (3, 2, 3):
        revocations.apply(known, SessionsRevoked(user_id=7, below_version=version, until=SOON))

    tokens = [Claims(7, Role.STUDENT, "s", version, SOON.timestamp()) for version in (1, 2, 3)]
    assert [known.has(token) for token in tokens] == [True, True, False]


async def test_expired_rows_are_forgotten_and_living_ones_kept(service: Harness, runtime: Runtime) -> None:
    await account(service)
    for _ in range(3):
        await signed_in(service)
    await login(service, password="wrong")
    await service.client().post("/auth/forgot-password", json={"email": "john@example.com"})
    async with service.database.transaction() as tx:
        await tx.run(
            """UPDATE sessions SET expires_at = now() - interval '1 day', created_at = CASE WHEN id = (SELECT min(id::text)::uuid
            FROM sessions) THEN now() - interval '31 days' ELSE now() - interval '2 days' END"""
        )

    await forget_expired(runtime)

    async with service.database.reading() as tx:
        counts = [await tx.value(f"SELECT count(*) FROM {t}") for t in ("sessions", "login_failures", "mail_tokens")]
    assert counts == [2, 1, 1], "a session that is over still says from where somebody signed in"

    async with service.database.transaction() as tx:
        await tx.run("UPDATE login_failures SET failed_at = now() - interval '16 minutes'")
        await tx.run("UPDATE mail_tokens SET expires_at = now() - interval '1 minute', counted_from = now() - interval '2 hours'")
    await forget_expired(runtime)

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM login_failures") == 0
        assert await tx.value("SELECT count(*) FROM mail_tokens") == 0


async def test_spent_refresh_tokens_are_remembered_for_as_long_as_they_would_have_been_good(
    service: Harness, runtime: Runtime
) -> None:
    await account(service)
    oldest = (await signed_in(service))["refresh_token"]
    older = (await refreshed(service, oldest)).json()["refresh_token"]
    newest = (await refreshed(service, older)).json()["refresh_token"]
    async with service.database.transaction() as tx:
        for token, days in ((oldest, 31), (older, 29)):
            await tx.run(
                "UPDATE refresh_tokens SET spent_at = now() - make_interval(days => %(days)s) WHERE digest = %(digest)s",
                days=days,
                digest=digest(token),
            )

    await forget_expired(runtime)

    assert (await refreshed(service, oldest)).status_code == 401
    newest = (await refreshed(service, newest)).json()["refresh_token"]
    assert (await refreshed(service, older)).status_code == 401
    assert (await refreshed(service, newest)).status_code == 401, "a spent one came back: the session is over"


async def test_resync_says_the_state_of_every_account(service: Harness, runtime: Runtime) -> None:
    ids = [await account(service, f"user{n}@example.com") for n in range(3)]

    await resync(runtime)

    said = await service.outbox("auth.user.snapshotted.v1")
    assert [e["data"]["user_id"] for e in said] == ids
    assert {e["data"]["version"] for e in said} == {1}


async def test_the_first_administrator_is_created_once(service: Harness) -> None:
    settings = service.app.state.settings.model_copy(update={"admin_email": "root@example.com", "admin_password": "root12345"})
    runtime = Runtime(settings, service.database)

    for _ in range(2):
        await first_admin(runtime)

    answer = await login(service, "root@example.com", "root12345")
    assert (answer.status_code, answer.json()["user"]["role"]) == (200, "admin")
    assert len(await service.outbox("auth.user.registered.v1")) == 1
    assert await service.outbox("auth.mail.requested.v1") == []


async def test_where_there_is_an_administrator_no_other_is_created(service: Harness) -> None:
    await administrator(service)
    settings = service.app.state.settings.model_copy(update={"admin_email": "root@example.com", "admin_password": "root12345"})

    await first_admin(Runtime(settings, service.database))

    assert (await login(service, "root@example.com", "root12345")).status_code == 401


async def test_an_address_of_somebody_else_makes_no_administrator_and_one_line_says_so(
    service: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    user_id = await account(service, "root@example.com")
    settings = service.app.state.settings.model_copy(update={"admin_email": "root@example.com", "admin_password": "root12345"})

    await first_admin(Runtime(settings, service.database))

    assert (await state(service, user_id)).role == "student"
    assert "somebody who is none has EDUSTREAM_ADMIN_EMAIL" in capsys.readouterr().out


async def test_commands_are_audited(service: Harness, runtime: Runtime) -> None:
    settings = service.app.state.settings.model_copy(update={"admin_email": "root@example.com", "admin_password": "root12345"})

    await first_admin(Runtime(settings, service.database))
    await rotate_key(runtime)
    await replace_key(runtime)

    said = await audited(service)
    assert [act["action"] for act in said] == ["first_admin_created", "signing_key_rotated", "signing_key_replaced"]
    assert {act["actor_id"] for act in said} == {None}
    assert said[1]["details"].keys() == {"kid", "signs_from"}
