"""The consumer: it comes back whatever goes away, and leaves room for others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from shared import broker, db
from shared.broker import Broker
from shared.db import Database, Tx
from shared.events.messaging import MessageSent
from shared.inbox import Consumer, Subscriptions
from tests.shared.events import WITHIN, Effects, consumer, dead, done, post, ready, rows, sent
from tests.shared.readonly import read_only
from tests.shared.running import beside
from tests.shared.wire import Wire
from tests.waiting import eventually


async def test_a_consumer_whose_connection_was_lost_subscribes_again(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, wire: Wire, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    async with beside(consumer(subscriptions, database, wire.url).run()):
        for number in range(5):
            await post(channel, sent(number))
            await eventually(done(database, *range(number + 1)), WITHIN)
            wire.cut()

    assert sorted(set(effects.calls)) == [0, 1, 2, 3, 4]


async def test_a_consumer_whose_channel_was_closed_subscribes_again(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    class Clumsy(Consumer):
        """Acknowledges its first message twice, for which a broker closes the channel."""

        clumsy = True

        async def _settle(self, message: AbstractIncomingMessage) -> None:
            await super()._settle(message)
            if self.clumsy:
                self.clumsy = False
                await message.channel.basic_ack(message.delivery_tag or 0)

    await ready(channel, subscriptions)
    async with beside(Clumsy(subscriptions, database, Broker(amqp_url, "tests")).run()):
        for number in range(4):
            await post(channel, sent(number))
            await eventually(done(database, *range(number + 1)), WITHIN)


async def test_a_consumer_whose_queue_was_deleted_declares_it_and_subscribes_again(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await post(channel, sent(0))
        await eventually(done(database, 0), WITHIN)

        await channel.queue_delete(f"edustream.{subscriptions.service}")

        async def handled_again() -> bool:
            await post(channel, sent(1))  # a fresh event each time: while there is no queue, they go nowhere
            return 1 in await rows(database)

        await eventually(handled_again, WITHIN)


async def test_a_broker_that_is_not_there_yet_is_waited_for(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, wire: Wire, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    wire.is_refusing = True
    async with beside(consumer(subscriptions, database, wire.url).run()):

        async def tried() -> bool:
            return wire.connections >= 2

        await eventually(tried, WITHIN)
        await post(channel, sent(1))
        wire.is_refusing = False
        await eventually(done(database, 1), WITHIN)


async def test_stopping_in_the_middle_loses_and_repeats_nothing(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    await post(channel, *(sent(n) for n in range(200)))

    for target in (20, 60, 120):
        async with beside(consumer(subscriptions, database, amqp_url).run()):

            async def enough(target: int = target) -> bool:
                return len(await rows(database)) >= target

            await eventually(enough, WITHIN)
    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, *range(200)), WITHIN)

    assert await dead(channel, subscriptions) == []


class Counted(Database):
    """Counts how often a connection was asked for."""

    asked = 0

    @contextlib.asynccontextmanager
    async def connection(self, step: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        self.asked += 1
        async with super().connection(step) as connection:
            yield connection

    def was_asked(self, times: int) -> Callable[[], Awaitable[bool]]:
        """From now on."""
        enough = self.asked + times

        async def look() -> bool:
            return self.asked > enough

        return look


@contextlib.asynccontextmanager
async def opened(database: Counted) -> AsyncIterator[Counted]:
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.usefixtures("quick")
async def test_an_outage_of_the_database_buries_no_event(
    channel: AbstractChannel,
    subscriptions: Subscriptions,
    database: Database,
    database_wire: Wire,
    amqp_url: str,
    effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long it is, it is not the event's fault: here, longer than the delivery limit of every event would bear."""
    monkeypatch.setattr(db, "POOL_WAIT", 0.05)
    await ready(channel, subscriptions)
    async with (
        opened(Counted(database_wire.url, 4, "behind a wire")) as behind_wire,
        beside(consumer(subscriptions, behind_wire, amqp_url).run()),
    ):
        await post(channel, sent(0))
        await eventually(done(database, 0), WITHIN)
        database_wire.is_refusing = True
        database_wire.cut()
        await post(channel, *(sent(n) for n in range(1, 10)))
        await eventually(behind_wire.was_asked(9 * (broker.MAX_DELIVERIES + 5)), WITHIN)
        assert await rows(database) == [0]
        database_wire.is_refusing = False
        await eventually(done(database, *range(10)), WITHIN)
    assert await dead(channel, subscriptions) == []


@pytest.mark.usefixtures("quick")
async def test_a_database_that_answers_and_takes_no_writes_buries_no_event(
    channel: AbstractChannel,
    subscriptions: Subscriptions,
    database: Database,
    database_url: str,
    amqp_url: str,
    effects: Effects,
    admin: psycopg.Connection,
) -> None:
    await ready(channel, subscriptions)
    await post(channel, *(sent(n) for n in range(5)))
    async with opened(Counted(database_url, 4, "reading only")) as asked, contextlib.AsyncExitStack() as stack:
        with read_only(database_url, admin):
            await stack.enter_async_context(beside(consumer(subscriptions, asked, amqp_url).run()))
            await eventually(asked.was_asked(5 * 2 * (broker.MAX_DELIVERIES + 5)), WITHIN)
            assert effects.calls == []
        await eventually(done(database, *range(5)), WITHIN)
    assert await dead(channel, subscriptions) == []


async def test_a_flood_of_events_leaves_connections_for_requests(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str
) -> None:
    hold, busy = asyncio.Event(), 0

    @subscriptions.on(MessageSent)
    async def take_long(tx: Tx, event: MessageSent) -> None:
        nonlocal busy
        busy += 1
        await hold.wait()

    await ready(channel, subscriptions)
    await post(channel, *(sent(n) for n in range(30)))
    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def at_work() -> bool:
            return busy >= database.pool.max_size // 2

        await eventually(at_work, WITHIN)
        async with asyncio.timeout(2):
            await asyncio.gather(*(database.ping() for _ in range(20)))
        assert busy == database.pool.max_size // 2
        hold.set()
