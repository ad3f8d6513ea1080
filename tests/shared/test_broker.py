"""Connections to the broker that come back, topology that can be declared by everybody, confirms that mean something."""

import asyncio
import contextlib
import gc
import logging
import threading
import time
import uuid
import warnings

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection

from shared import broker
from shared.broker import Broker, Publisher
from shared.inbox import Subscriptions
from shared.service import declare_queue, find
from tests.harness import settings_of
from tests.shared.running import beside
from tests.shared.wire import Wire
from tests.waiting import eventually

KEY = "messaging.message.sent.v1"


async def test_everybody_can_declare_everything_again(channel: AbstractChannel, subscriptions: Subscriptions) -> None:
    for keys in ({"a.b.c.v1"}, {"a.b.c.v1", "a.b.d.v1"}):
        for _ in range(2):
            queue = await broker.declare_inbox(channel, subscriptions.service, {broker.EVENTS: keys})

    assert queue.name == "edustream.probe"


async def test_a_confirmed_message_is_in_the_queue(channel: AbstractChannel, subscriptions: Subscriptions, wire: Wire) -> None:
    queue = await broker.declare_inbox(channel, subscriptions.service, {broker.EVENTS: {KEY}})
    event_id, confirmed = uuid.uuid4(), asyncio.Event()

    async def session(connection: AbstractConnection) -> None:
        publisher = await Publisher.on(connection)
        await publisher.send(event_id, broker.EVENTS, KEY, b"body")
        confirmed.set()
        await asyncio.Event().wait()

    async with beside(Broker(wire.url, "tests").keep("test", session)):
        async with asyncio.timeout(10):
            await confirmed.wait()

    message = await queue.get(no_ack=True, timeout=10)
    assert message is not None
    assert (message.message_id, message.body, message.delivery_mode) == (str(event_id), b"body", 2)


def test_a_connection_that_never_came_about_is_forgotten_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the garbage collector, where there is no loop that could close it: on a thread of its own."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.ERROR)  # pytest keeps what is logged, and so the connection

    def forget() -> None:
        loop = asyncio.new_event_loop()
        with contextlib.suppress(ConnectionError):
            loop.run_until_complete(Broker("amqp://127.0.0.1:1/", "tests").declare_inbox("probe", {}))
        gc.collect()
        loop.close()

    with warnings.catch_warnings(record=True, action="always") as told:
        thread = threading.Thread(target=forget)
        thread.start()
        thread.join()

    assert [str(warning.message) for warning in told] == []


async def test_what_is_not_confirmed_is_an_error(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "PUBLISH_TIMEOUT", 0.3)
    outcome: asyncio.Queue[BaseException] = asyncio.Queue()

    async def session(connection: AbstractConnection) -> None:
        publisher = await Publisher.on(connection)
        wire.freeze()
        try:
            await publisher.send(uuid.uuid4(), broker.EVENTS, KEY, b"body")
        except BaseException as error:
            await outcome.put(error)
            raise

    async with beside(Broker(wire.url, "tests").keep("test", session)):
        async with asyncio.timeout(10):
            assert isinstance(await outcome.get(), TimeoutError)


async def test_a_queue_declared_by_the_migration_keeps_what_is_said_before_the_first_start(
    channel: AbstractChannel, amqp_url: str
) -> None:
    service = find("messaging")
    settings = settings_of(service, database_url="postgresql://unused", amqp_url=amqp_url, redis_url="redis://unused")
    await declare_queue(service, settings)
    await (await channel.get_queue("edustream.messaging")).purge()
    exchange = await channel.get_exchange(broker.EVENTS)
    await exchange.publish(aio_pika.Message(b"early"), "auth.user.registered.v1")

    queue = await channel.get_queue("edustream.messaging")
    message = await queue.get(no_ack=True, timeout=10)

    assert message is not None
    assert message.body == b"early"
    await channel.queue_delete("edustream.messaging")


async def test_migrations_go_on_without_a_broker() -> None:
    service = find("messaging")
    settings = settings_of(service, database_url="postgresql://unused", amqp_url="amqp://127.0.0.1:1", redis_url="redis://unused")

    await declare_queue(service, settings)


@pytest.mark.parametrize("how", ["cut", "freeze", "raise"])
async def test_a_session_that_ended_is_begun_anew_on_a_new_connection(wire: Wire, how: str) -> None:
    connections: list[AbstractConnection] = []

    async def session(connection: AbstractConnection) -> None:
        connections.append(connection)
        if how == "raise":
            raise RuntimeError("of the session's own")
        if how == "freeze":
            wire.freeze()
            raise ConnectionError("noticed by the session")
        await asyncio.Event().wait()

    async def begun(times: int) -> bool:
        if how == "cut" and connections:
            wire.cut()
        return len(connections) >= times

    async with beside(Broker(wire.url, "tests").keep("test", session)):
        await eventually(lambda: begun(3), 20)

    assert len(set(map(id, connections))) == len(connections)


async def test_a_session_that_fails_at_once_is_not_repeated_ever_faster(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects each time, so connecting alone must not reset the back-off."""
    monkeypatch.setattr(broker, "BACK_OFF", (0.05, 5.0))
    begun: list[float] = []

    async def session(connection: AbstractConnection) -> None:
        begun.append(time.monotonic())
        raise RuntimeError("at once")

    async def often() -> bool:
        return len(begun) >= 6

    async with beside(Broker(wire.url, "tests").keep("test", session)):
        await eventually(often, 20)

    assert begun[5] - begun[4] > 0.05 * 2**4 / 2
    assert begun[5] - begun[4] > 4 * (begun[1] - begun[0]) / 2


async def test_a_session_is_stopped_when_its_connection_goes(wire: Wire) -> None:
    """Else two sessions would be at work: a relay that thinks itself alone, say."""
    running = 0

    async def session(connection: AbstractConnection) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    async def begun() -> bool:
        return running == 1

    async with beside(Broker(wire.url, "tests").keep("test", session)):
        for _ in range(3):
            await eventually(begun)
            seen = wire.connections
            wire.cut()

            async def anew(seen: int = seen) -> bool:
                return wire.connections > seen

            await eventually(anew)
            assert running <= 1
    assert running == 0


async def test_stopping_does_not_wait_for_a_broker_that_fell_silent(wire: Wire) -> None:
    begun = asyncio.Event()

    async def session(connection: AbstractConnection) -> None:
        begun.set()
        await asyncio.Event().wait()

    started = 0.0
    async with beside(Broker(wire.url, "tests").keep("test", session)):
        await begun.wait()
        wire.freeze()
        started = time.monotonic()

    assert time.monotonic() - started < 10
