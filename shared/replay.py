"""Reading the stream of all public events again from its start."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from shared import broker, logs
from shared.db import Database
from shared.errors import Unavailable, describe
from shared.events.base import Envelope, Event
from shared.inbox import Subscriptions

BATCH = 100  # events in one transaction: what costs most of a single one is to begin and to commit it
PREFETCH = 4 * BATCH  # messages that are held at most: some come while a batch is in work
SILENCE = 30.0  # seconds without a message after which the broker is taken to have failed
OUTAGE = 300.0  # seconds that the database may be away
BACK_OFF = (0.1, 5.0)  # seconds, first and longest

log = logs.get(__name__)


async def replay(amqp_url: str, subscriptions: Subscriptions, database: Database) -> dict[str, int]:
    """Run the handlers of every subscribed event that the stream still has, whether they ran before or not: they must
    bear that by themselves (versions, event ids as keys). Returns how many were `handled`, and how many `refused`.

    One batch at a time: two would wait for each other at whatever both count up."""
    done = {"handled": 0, "refused": 0}
    async with await aio_pika.connect(amqp_url, timeout=5) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await broker.declare(channel)
        end = await _mark(channel)
        async for bodies in _batches(channel, end):
            for outcome in await _again(subscriptions, database, bodies):
                done[outcome] += 1
    return done


async def _mark(channel: AbstractChannel) -> str:
    """Put a marker at the end of the stream (and nowhere else): who reads from the start knows there that it is over."""
    mark = str(uuid4())
    body = f'{{"specversion":"1.0","id":"{mark}","type":"log.replay.begun.v1","source":"/edustream/log",'
    body += f'"time":"{datetime.now(UTC).isoformat()}","data":{{}}}}'
    message = aio_pika.Message(body.encode(), message_id=mark, content_type="application/cloudevents+json")
    await channel.default_exchange.publish(message, broker.LOG, mandatory=True, timeout=broker.PUBLISH_TIMEOUT)
    return mark


async def _batches(channel: AbstractChannel, end: str) -> AsyncIterator[list[bytes]]:
    """What the stream holds, from its start to the marker."""
    await channel.set_qos(prefetch_count=PREFETCH)
    stream = await channel.get_queue(broker.LOG)
    # No iterator: leaving it gives back what it has fetched beyond the end, which a stream answers by hanging up.
    fetched: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await stream.consume(fetched.put, arguments={"x-stream-offset": "first"})
    ended = False
    while not ended:
        async with asyncio.timeout(SILENCE):
            message = await fetched.get()
        bodies: list[bytes] = []
        while not (ended := message.message_id == end):
            bodies.append(message.body)
            if len(bodies) == BATCH or fetched.empty():
                break
            message = fetched.get_nowait()
        await message.ack(multiple=True)
        if bodies:
            yield bodies


async def _again(subscriptions: Subscriptions, database: Database, bodies: Sequence[bytes]) -> list[str]:
    """What became of each of them that was subscribed to. One that can never be handled takes none of the others along."""
    try:
        events = [event for body in bodies if (event := _read(subscriptions, body))]
        await _handle(subscriptions, database, events)
    except Unavailable:
        raise
    except Exception as error:  # whatever is wrong with it: whoever replays has thrown everything away before
        if len(bodies) > 1:
            return [outcome for body in bodies for outcome in await _again(subscriptions, database, [body])]
        log.warning("replay_refused", error=describe(error))
        return ["refused"]
    return ["handled"] * len(events)


def _read(subscriptions: Subscriptions, body: bytes) -> Event | None:
    envelope = Envelope.model_validate_json(body)
    kind = subscriptions.kinds.get(envelope.type)
    return envelope.event(kind) if kind else None


async def _handle(subscriptions: Subscriptions, database: Database, events: Sequence[Event]) -> None:
    """Through hiccups of the database: what was done so far would be lost with the replay."""
    deadline, pause = time.monotonic() + OUTAGE, BACK_OFF[0]
    while True:
        try:
            async with database.transaction() as tx:
                for event in events:
                    for handler in subscriptions.handlers[event.type]:
                        await handler(tx, event)
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  jitter, so that all do not ask at once
        pause = min(pause * 2, BACK_OFF[1])
