"""Events on their way out: saying them, carrying them to the broker, and seeing what arrived."""

import json
from collections.abc import Callable
from typing import Any

from aio_pika.abc import AbstractQueue

from shared.broker import Broker
from shared.db import Database
from shared.events.base import Event
from shared.outbox import Relay, publish
from tests.waiting import eventually

WITHIN = 15.0


class Listener:
    """What arrived on a queue bound to everything public and private."""

    def __init__(self, queue: AbstractQueue) -> None:
        self.queue = queue
        self.bodies: list[dict[str, Any]] = []

    async def numbers(self) -> set[int]:
        """Ids of the messages that the events told of so far, are about."""
        while (message := await self.queue.get(no_ack=True, fail=False)) is not None:
            self.bodies.append(json.loads(message.body))
        return {body["data"]["message_id"] for body in self.bodies}

    async def until(self, count: int) -> set[int]:
        async def enough() -> bool:
            return len(await self.numbers()) >= count

        await eventually(enough, WITHIN)
        return await self.numbers()


def relay(database_url: str, amqp_url: str) -> Relay:
    return Relay(database_url, Broker(amqp_url, "tests"), "tests")


async def say(database: Database, *events: Event) -> None:
    async with database.transaction() as tx:
        await publish(tx, *events)


async def say_and_fail(database: Database, *events: Event) -> None:
    async with database.transaction() as tx:
        await publish(tx, *events)
        raise ZeroDivisionError


async def left(database: Database) -> int:
    async with database.reading() as tx:
        count: int = await tx.value("SELECT count(*) FROM outbox")
    return count


def gone(database: Database) -> Callable[[], Any]:
    async def is_empty() -> bool:
        return await left(database) == 0

    return is_empty
