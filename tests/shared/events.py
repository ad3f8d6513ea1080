"""Events on their way to a consumer: saying them, and seeing what became of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel

from shared import broker
from shared.broker import Broker
from shared.db import Database, Tx
from shared.events.base import Event
from shared.events.messaging import MessageSent
from shared.inbox import Consumer, Subscriptions
from tests.shared.rows import WRITE

WITHIN = 20.0


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
        await tx.run(WRITE, name=f"{event.message_id} {len(self.calls)}")
        if failure := self.failure(event.message_id):
            raise failure


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
