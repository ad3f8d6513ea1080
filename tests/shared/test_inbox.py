"""The inbox: each event has its effect once, whatever is delivered twice, fails, breaks or goes away."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aio_pika
import psycopg
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from shared import broker, context, db, inbox
from shared.broker import Broker
from shared.db import Database, Tx
from shared.errors import Conflict
from shared.events.base import Event
from shared.events.messaging import MessageSent, MessagesRead
from shared.inbox import Consumer, Subscriptions
from tests.shared.running import beside
from tests.shared.wire import Wire
from tests.waiting import eventually

WITHIN = 20.0
EFFECT = "INSERT INTO doomed_files (object_name, due_at) VALUES (%(name)s, now())"  # any row of the same database will do


def sent(number: int) -> MessageSent:
    return MessageSent(message_id=number, sender_id=1, recipient_id=2)


class Effects:
    """A handler that leaves a row, and fails when told to."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self.calls: list[int] = []
        self.failure: Callable[[int], Exception | None] = lambda _: None
        subscriptions.on(MessageSent)(self.handle)

    async def handle(self, tx: Tx, event: MessageSent) -> None:
        self.calls.append(event.message_id)
        await tx.run(EFFECT, name=f"{event.message_id} {len(self.calls)}")
        if failure := self.failure(event.message_id):
            raise failure


@pytest.fixture
def effects(subscriptions: Subscriptions) -> Effects:
    return Effects(subscriptions)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in milliseconds."""
    monkeypatch.setattr(inbox, "BACK_OFF", (0.001, 0.01))


def consumer(subscriptions: Subscriptions, database: Database, amqp_url: str) -> Consumer:
    return Consumer(subscriptions, database, Broker(amqp_url, "tests"))


async def ready(channel: AbstractChannel, subscriptions: Subscriptions) -> None:
    """Declare the queue as the consumer does, so that nothing published from here on is lost."""
    await broker.declare_inbox(channel, subscriptions.service, subscriptions.bindings)


async def post(channel: AbstractChannel, *bodies: Event | bytes, key: str = MessageSent.type) -> None:
    exchange = await channel.get_exchange(broker.EVENTS)
    for body in bodies:
        raw = body if isinstance(body, bytes) else body.to_json()
        await exchange.publish(aio_pika.Message(raw, delivery_mode=aio_pika.DeliveryMode.PERSISTENT), key)


async def rows(database: Database) -> list[int]:
    """Numbers of the events that had their effect, each as often as it had it."""
    async with database.reading() as tx:
        found = await tx.rows("SELECT object_name FROM doomed_files")
    return sorted(int(row["object_name"].split()[0]) for row in found)


def done(database: Database, *numbers: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await rows(database) == sorted(numbers)

    return look


async def dead(channel: AbstractChannel, subscriptions: Subscriptions) -> list[dict[str, Any] | bytes]:
    """What is in the dead-letter queue; it is taken out."""
    queue = await channel.get_queue(f"edustream.{subscriptions.service}.dead")
    found: list[dict[str, Any] | bytes] = []
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        found.append(message.body)
    return found


async def waiting(channel: AbstractChannel, subscriptions: Subscriptions) -> int:
    """Messages in the queue that nobody works on."""
    queue = await channel.declare_queue(f"edustream.{subscriptions.service}", passive=True)
    return queue.declaration_result.message_count or 0


async def test_an_event_delivered_many_times_has_its_effect_once(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    event = sent(1)
    await post(channel, *[event] * 20, sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1, 2), WITHIN)
        await post(channel, event, sent(3))
        await eventually(done(database, 1, 2, 3), WITHIN)

    assert await rows(database) == [1, 2, 3]
    assert sorted(effects.calls) == [1, 2, 3]


@pytest.mark.usefixtures("quick")
async def test_a_failing_handler_leaves_nothing_and_is_tried_again(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda _: RuntimeError("not yet") if len(effects.calls) < 4 else None
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)

    assert len(effects.calls) == 4
    assert await dead(channel, subscriptions) == []


@pytest.mark.usefixtures("quick")
async def test_what_always_fails_becomes_a_dead_letter_after_the_delivery_limit(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda number: RuntimeError("never") if number == 1 else None
    await post(channel, sent(1), sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        (letter,) = await eventually(buried, WITHIN)

    assert json.loads(letter)["data"]["message_id"] == 1
    assert effects.calls.count(1) == broker.MAX_DELIVERIES + 1
    assert await rows(database) == [2]


async def test_the_back_off_grows_and_other_events_are_not_held_up(
    channel: AbstractChannel,
    subscriptions: Subscriptions,
    database: Database,
    amqp_url: str,
    effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "BACK_OFF", (60.0, 60.0))
    await ready(channel, subscriptions)
    effects.failure = lambda number: RuntimeError("later") if number == 1 else None
    await post(channel, sent(1), *(sent(n) for n in range(2, 40)))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, *range(2, 40)), WITHIN)

    assert effects.calls.count(1) == 1


@pytest.mark.parametrize(
    "poison",
    [
        b"not json",
        b"\xff\xfe\x00",
        b"{}",
        b"[" * 100_000,
        sent(1).to_json().replace(b'"1.0"', b'"2.0"'),
        sent(1).to_json().replace(b'"message_id":1', b'"message_id":"x"'),
        sent(1).to_json().replace(b'"message_id":1,', b""),
        sent(1).to_json().replace(b"message.sent", b"message.unheard"),
    ],
)
async def test_poison_becomes_a_dead_letter_at_once(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects, poison: bytes
) -> None:
    await ready(channel, subscriptions)
    await post(channel, poison, sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 2), WITHIN)

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        assert await eventually(buried, WITHIN) == [poison]

    assert effects.calls == [2]


async def test_a_refusal_becomes_a_dead_letter_at_once_and_leaves_nothing(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda _: Conflict("no")
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        await eventually(buried, WITHIN)

    assert effects.calls == [1]
    assert await rows(database) == []
    async with database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM inbox") == 0, "a dead letter must work when given back"


class Counted(Database):
    """Counts how often a connection was asked for."""

    asked = 0

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        self.asked += 1
        async with super()._connection() as connection:
            yield connection


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
    behind_wire = Counted(database_wire.url, 4, "behind a wire")
    await behind_wire.open()
    try:
        async with beside(consumer(subscriptions, behind_wire, amqp_url).run()):
            await post(channel, sent(0))
            await eventually(done(database, 0), WITHIN)
            database_wire.is_refusing = True
            database_wire.cut()
            await post(channel, *(sent(n) for n in range(1, 10)))
            enough = behind_wire.asked + 9 * (broker.MAX_DELIVERIES + 5)

            async def lasted() -> bool:
                return behind_wire.asked > enough

            await eventually(lasted, WITHIN)
            assert await rows(database) == [0]
            database_wire.is_refusing = False
            await eventually(done(database, *range(10)), WITHIN)
    finally:
        await behind_wire.close()
    assert await dead(channel, subscriptions) == []


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


async def test_the_request_that_caused_an_event_is_known_to_its_handler(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str
) -> None:
    known: list[tuple[str | None, str | None]] = []

    @subscriptions.on(MessageSent)
    async def remember(tx: Tx, event: MessageSent) -> None:
        known.append((context.request_id.get(), context.traceparent.get()))

    await ready(channel, subscriptions)
    context.request_id.set("request-0001")
    context.traceparent.set("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    body = sent(1).to_json()
    context.request_id.set(None)
    context.traceparent.set(None)
    await post(channel, body)

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def was_handled() -> bool:
            return bool(known)

        await eventually(was_handled, WITHIN)

    assert known == [("request-0001", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]


async def test_only_what_was_subscribed_to_comes(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    other = MessagesRead(reader_id=1, other_user_id=2, message_ids=[1], read_at=datetime.now(UTC))
    await post(channel, other, key=MessagesRead.type)
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)

    assert await waiting(channel, subscriptions) == 0
    assert await dead(channel, subscriptions) == []


async def test_old_inbox_rows_are_forgotten_and_young_ones_kept(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run(
            """INSERT INTO inbox (event_id, handled_at)
               VALUES (gen_random_uuid(), now() - interval '9 days'), (gen_random_uuid(), now() - interval '7 days')"""
        )

    await inbox.forget_old(database)

    async with database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM inbox") == 1
