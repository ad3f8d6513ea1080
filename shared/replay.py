"""Reading the stream of all public events again from its start."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel
from pydantic import ValidationError

from shared import broker, logs
from shared.db import Database
from shared.errors import Refusal, Unavailable
from shared.events.base import Envelope
from shared.inbox import Subscriptions

PREFETCH = 200
AT_ONCE = 8  # events in work: their order does not matter, as it never does
SILENCE = 30.0  # seconds without a message after which the broker is taken to have failed

log = logs.get(__name__)


async def replay(amqp_url: str, subscriptions: Subscriptions, database: Database) -> dict[str, int]:
    """Run the handlers of every subscribed event that the stream still has, whether they ran before or not: they must
    bear that by themselves (versions, event ids as keys). Returns how many were `handled`, and how many `refused`."""
    done = {"handled": 0, "refused": 0}
    async with await aio_pika.connect(amqp_url, timeout=5) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await broker.declare(channel)
        end = await _mark(channel)
        await channel.set_qos(prefetch_count=PREFETCH)
        stream = await channel.get_queue(broker.LOG)
        gate = asyncio.Semaphore(AT_ONCE)

        async def again(body: bytes) -> None:
            try:
                if outcome := await _again(subscriptions, database, body):
                    done[outcome] += 1
            finally:
                gate.release()

        async with (
            asyncio.TaskGroup() as tasks,
            stream.iterator(arguments={"x-stream-offset": "first"}, timeout=SILENCE) as messages,
        ):
            async for message in messages:
                await message.ack()
                if message.message_id == end:
                    break
                await gate.acquire()  # read no faster than is handled
                tasks.create_task(again(message.body))
    return done


async def _mark(channel: AbstractChannel) -> str:
    """Put a marker at the end of the stream (and nowhere else): who reads from the start knows there that it is over."""
    mark = str(uuid4())
    body = f'{{"specversion":"1.0","id":"{mark}","type":"log.replay.begun.v1","source":"/edustream/log",'
    body += f'"time":"{datetime.now(UTC).isoformat()}","data":{{}}}}'
    message = aio_pika.Message(body.encode(), message_id=mark, content_type="application/cloudevents+json")
    await channel.default_exchange.publish(message, broker.LOG, mandatory=True, timeout=broker.PUBLISH_TIMEOUT)
    return mark


async def _again(subscriptions: Subscriptions, database: Database, body: bytes) -> str | None:
    try:
        envelope = Envelope.model_validate_json(body)
        kind = subscriptions.kinds.get(envelope.type)
        if kind is None:
            return None
        event = envelope.event(kind)
        async with database.transaction() as tx:
            for handler in subscriptions.handlers[envelope.type]:
                await handler(tx, event)
    except Unavailable:
        raise
    except (ValidationError, Refusal) as error:
        log.warning("replay_refused", error=repr(error))
        return "refused"
    return "handled"
