"""Connections to a service: handed on in the order of asking, shared among replicas, and never waited for in vain."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import ports
from gateway.postponed import Postponed
from gateway.sweeper import Sweeper
from gateway.upstream import pool as pools
from gateway.upstream.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, RECENT, Breaker
from gateway.upstream.connection import Connection
from gateway.upstream.errors import ServiceBusy, ServiceUnavailable
from gateway.upstream.fetch import fetch
from gateway.upstream.pool import Pool
from tests.gateway.standin import StandIn
from tests.waiting import eventually

MakePool = Callable[[str], Pool]


@pytest.fixture
async def make_pool() -> AsyncIterator[MakePool]:
    made: list[Pool] = []

    def make(url: str) -> Pool:
        made.append(Pool("profiles", url, Sweeper(), Postponed(), answer_within=5))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
async def service() -> AsyncIterator[StandIn]:
    found = await StandIn("profiles").start()
    yield found
    await found.stop()


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST", 1)


async def in_line(pool: Pool, count: int) -> list["asyncio.Task[Connection]"]:
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(count)]

    async def all_there() -> bool:
        return len(pool._waiting) == count

    await eventually(all_there)
    return waiting


async def used(pool: Pool) -> Connection:
    """A connection that has answered once and is taken again."""
    await fetch(pool, "/health/ready", 5)
    connection = pool.take()
    assert connection is not None
    return connection


@pytest.mark.usefixtures("one_connection")
async def test_a_connection_goes_to_the_first_in_line_and_not_to_a_newcomer(make_pool: MakePool, service: StandIn) -> None:
    pool = make_pool(service.url)
    connection = await used(pool)
    first, second = await in_line(pool, 2)
    pool.release(connection)

    assert pool.take() is None
    assert await first is connection
    assert not second.done()
    pool.release(connection)
    assert await second is connection


@pytest.mark.usefixtures("one_connection")
async def test_who_leaves_the_line_passes_on_what_he_was_given(make_pool: MakePool, service: StandIn) -> None:
    pool = make_pool(service.url)
    connection = await used(pool)
    gone, first, second = await in_line(pool, 3)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert len(pool._waiting) == 2

    pool.release(connection)
    first.cancel()
    assert await second is connection


@pytest.mark.usefixtures("one_connection")
async def test_a_connection_that_is_closed_on_its_way_to_the_next_is_made_anew(make_pool: MakePool, service: StandIn) -> None:
    pool = make_pool(service.url)
    connection = await used(pool)
    (first,) = await in_line(pool, 1)
    pool.release(connection)
    connection.transport.abort()

    async with asyncio.timeout(2):
        assert (await first) is not connection


@pytest.mark.usefixtures("one_connection")
async def test_all_in_line_are_told_when_the_service_goes_away(make_pool: MakePool, service: StandIn) -> None:
    pool = make_pool(service.url)
    await used(pool)
    waiting = await in_line(pool, 20)
    await service.stop()

    async with asyncio.timeout(2):  # and not when their patience ends
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in found} == {ServiceUnavailable}
    assert pool._connecting == 0


@pytest.mark.usefixtures("one_connection")
async def test_nobody_waits_longer_for_being_handed_what_was_closed(
    make_pool: MakePool, service: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "WAIT_TIMEOUT", 0.5)
    pool = make_pool(service.url)
    await used(pool)
    (waiting,) = await in_line(pool, 1)
    closed: Any = SimpleNamespace(usable=False)

    async def refused() -> bool:
        if (turn := pool._first_in_line()) is not None:
            turn.set_result(closed)
        return waiting.done()

    await eventually(refused)
    assert isinstance(waiting.exception(), ServiceBusy)


async def test_an_old_connection_is_not_kept(make_pool: MakePool, service: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GREATEST_AGE", -1.0)
    pool = make_pool(service.url)
    for _ in range(3):
        assert (await fetch(pool, "/health/ready", 5))[0] == 200

    assert service.accepted == 3
    assert pool.take() is None


async def test_replicas_share_the_work_and_a_late_one_gets_some(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GREATEST_AGE", -1.0)
    port = ports.choose()
    names = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]  # the third is not there yet

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, port)) for name in names]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    replicas = [StandIn(name, port, host=name) for name in names]
    for replica in replicas[:2]:
        await replica.start()
    pool = make_pool(f"http://replicas.invalid:{port}")
    for _ in range(60):
        assert (await fetch(pool, "/health/ready", 5))[0] == 200
    assert min(replica.accepted for replica in replicas[:2]) > 5

    await replicas[2].start()
    for _ in range(60):
        await fetch(pool, "/health/ready", 5)
    assert replicas[2].accepted > 5
    for replica in replicas:
        await replica.stop()


async def hang(*_: object, **__: object) -> list[tuple[object, ...]]:
    await asyncio.Event().wait()
    raise AssertionError


async def fail(*_: object, **__: object) -> list[tuple[object, ...]]:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def no_such_name(*_: object, **__: object) -> list[tuple[object, ...]]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("lookup", [fail, hang])
async def test_a_service_is_not_away_because_its_name_cannot_be_looked_up(
    make_pool: MakePool, service: StandIn, monkeypatch: pytest.MonkeyPatch, lookup: Callable[..., Any]
) -> None:
    monkeypatch.setattr(pools, "GREATEST_AGE", -1.0)
    pool = make_pool(f"http://localhost:{service.port}")
    assert (await fetch(pool, "/health/ready", 5))[0] == 200
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    async with asyncio.timeout(2):  # not for each connection anew
        for _ in range(20):
            assert (await fetch(pool, "/health/ready", 5))[0] == 200

    assert service.accepted == 21


@pytest.mark.parametrize(("lookup", "known"), [(fail, False), (hang, False), (no_such_name, True)])
async def test_a_service_without_addresses_is_away(
    make_pool: MakePool, service: StandIn, monkeypatch: pytest.MonkeyPatch, lookup: Callable[..., Any], known: bool
) -> None:
    monkeypatch.setattr(pools, "GREATEST_AGE", -1.0)
    pool = make_pool(f"http://localhost:{service.port}")
    if known:
        await fetch(pool, "/health/ready", 5)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    for _ in range(FAILURES):
        with pytest.raises(ServiceUnavailable):
            await pool.acquire()

    assert pool.breaker.open


def opened(now: float) -> Breaker:
    breaker = Breaker("profiles")
    for _ in range(FAILURES):
        breaker.failed(now)
    return breaker


def test_a_breaker_opens_for_the_first_pause_however_many_fail_at_once() -> None:
    breaker = opened(100)
    for _ in range(50):
        breaker.failed(100)

    assert not breaker.allows(100 + FIRST_PAUSE - 0.01)
    assert breaker.allows(100 + FIRST_PAUSE)
    assert not breaker.allows(100 + FIRST_PAUSE)


def test_the_pause_doubles_with_each_failed_attempt_and_ends_with_a_good_one() -> None:
    breaker, now, pauses = opened(0), 0.0, []
    for _ in range(5):
        pause = next(step / 100 for step in range(1000) if breaker.allows(now + step / 100))
        pauses.append(pause)
        now += pause
        breaker.failed(now)

    assert pauses == [FIRST_PAUSE, 0.5, 1.0, LONGEST_PAUSE, LONGEST_PAUSE]
    breaker.succeeded()
    assert breaker.allows(now)


def test_a_service_nobody_asks_is_not_said_to_be_away() -> None:
    breaker = opened(100)

    assert breaker.away(101)
    assert breaker.open
    assert not breaker.away(100 + RECENT)
