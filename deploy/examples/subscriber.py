"""A subscriber of an outside team: keeps every lesson's newest state in an SQLite file, and prints each change.

    AMQP_URL=amqp://… python deploy/examples/subscriber.py lessons.sqlite

It needs `aio-pika` and nothing of EduStream. Started for the first time it reads what happened in the last seven days; stopped
and started again it goes on where it was, because its queue waited for it. docs/events.md explains each step."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

QUEUE = "example.lessons"  # <your team>.<your program>
WANTED = ("bookings.booking.*.v1",)
PATIENCE = 2.0  # seconds without a message after which the stream is read to its end
SCHEMA = """
CREATE TABLE IF NOT EXISTS lessons (
  id INTEGER PRIMARY KEY, version INTEGER, status TEXT, start_at TEXT, price TEXT, currency TEXT
);
CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS progress (replayed INTEGER);
"""
NEWER = """
INSERT INTO lessons VALUES (:booking_id, :version, :status, :start_at, :price, :currency)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = excluded.status, start_at = excluded.start_at,
  price = excluded.price, currency = excluded.currency
WHERE lessons.version < excluded.version
"""


def handle(database: sqlite3.Connection, body: bytes) -> None:
    """One event, in one transaction with the memory of having seen it: deliveries repeat, and come in any order."""
    event = json.loads(body)
    if not event["type"].startswith("bookings.booking."):
        return  # the stream has everything
    with database:
        if not database.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING", (event["id"],)).rowcount:
            return
        is_news = database.execute(NEWER, event["data"]).rowcount
    if is_news:
        print(json.dumps({"lesson": event["data"]["booking_id"], "status": event["data"]["status"]}), flush=True)


async def subscribe(channel: AbstractChannel) -> AbstractQueue:
    """A durable queue of our own, bound to what we want: it collects while we are away."""
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    for pattern in WANTED:
        await queue.bind("edustream.events", pattern)
    return queue


async def replay(channel: AbstractChannel, database: sqlite3.Connection) -> None:
    """Everything of the last seven days, once; the queue is bound already, so nothing is lost in between."""
    if database.execute("SELECT 1 FROM progress").fetchone():
        return
    stream = await channel.get_queue("edustream.events.log", ensure=False)
    async with stream.iterator(arguments={"x-stream-offset": "first"}, timeout=PATIENCE) as messages:
        with suppress(asyncio.TimeoutError):
            async for message in messages:
                handle(database, message.body)
                await message.ack()
    with database:
        database.execute("INSERT INTO progress VALUES (1)")


async def follow(queue: AbstractQueue, database: sqlite3.Connection) -> None:
    async with queue.iterator() as messages:
        async for message in messages:
            await settle(database, message)


async def settle(database: sqlite3.Connection, message: AbstractIncomingMessage) -> None:
    """Acknowledge only what is safely kept; what cannot be read now cannot be read later, so it must not come again for ever."""
    try:
        handle(database, message.body)
    except (KeyError, ValueError, sqlite3.DataError) as error:
        print(f"not understood: {error!r}", file=sys.stderr)
        await message.reject(requeue=False)
    else:
        await message.ack()


async def main(path: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=50)
        queue = await subscribe(channel)
        await replay(channel, database)
        await follow(queue, database)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "lessons.sqlite"))
