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
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

QUEUE = "example.lessons"  # <your team>.<your program>
WANTED = ("bookings.booking.*.v1",)
FIELDS = ("booking_id", "version", "status", "start_at", "price", "currency")
PATIENCE = 2.0  # seconds without a message after which a quiet stream is read to its end
SKEW = timedelta(seconds=5)  # that clocks may differ
UNFIT = (sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError)  # for the table
NOT_UNDERSTOOD = (LookupError, TypeError, ValueError, *UNFIT)
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


def handle(database: sqlite3.Connection, body: bytes) -> datetime | None:
    """One event, in one transaction with the memory of having seen it: deliveries repeat, and come in any order. When it
    happened; None for what is not understood, now or ever."""
    try:
        event = json.loads(body)
        happened_at = datetime.fromisoformat(event["time"]).astimezone(UTC)
        if any(fnmatch(event["type"], pattern) for pattern in WANTED):  # the stream has everything
            keep(database, event["id"], {name: event["data"][name] for name in FIELDS})
    except NOT_UNDERSTOOD as error:
        print(f"not understood: {error!r}", file=sys.stderr)
        return None
    return happened_at


def keep(database: sqlite3.Connection, event_id: str, lesson: dict[str, object]) -> None:
    with database:
        if not database.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING", (event_id,)).rowcount:
            return
        is_news = database.execute(NEWER, lesson).rowcount
    if is_news:
        print(json.dumps({"lesson": lesson["booking_id"], "status": lesson["status"]}), flush=True)


async def subscribe(channel: AbstractChannel) -> AbstractQueue:
    """A durable queue of our own, bound to what we want: it collects while we are away."""
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    for pattern in WANTED:
        await queue.bind("edustream.events", pattern)
    return queue


async def replay(channel: AbstractChannel, database: sqlite3.Connection) -> None:
    """Everything of the last seven days, once. The queue is bound already: it has whatever comes into the stream after an event
    that happened later than now, so there the stream needs no more reading, however busy it is."""
    begun_at = datetime.now(UTC) + SKEW
    stream = await channel.get_queue("edustream.events.log", ensure=False)
    fetched: asyncio.Queue[AbstractIncomingMessage] = (
        asyncio.Queue()
    )  # no iterator: at its end it would nack, which no stream knows
    await stream.consume(fetched.put, arguments={"x-stream-offset": "first"})
    with suppress(TimeoutError):
        while True:
            message = await asyncio.wait_for(fetched.get(), PATIENCE)
            happened_at = handle(database, message.body)
            await message.ack()
            if happened_at and happened_at > begun_at:
                break
    with database:
        database.execute("INSERT INTO progress VALUES (1)")


async def follow(queue: AbstractQueue, database: sqlite3.Connection) -> None:
    """Acknowledge only what is safely kept; what cannot be read now cannot be read later, so it must not come again for ever."""
    async with queue.iterator() as messages:
        async for message in messages:
            if handle(database, message.body):
                await message.ack()
            else:
                await message.reject(requeue=False)


async def main(path: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=50)
        queue = await subscribe(channel)
        if not database.execute("SELECT 1 FROM progress").fetchone():
            async with connection.channel() as reading:  # of its own: closing it drops what was fetched too much
                await reading.set_qos(prefetch_count=50)
                await replay(reading, database)
        await follow(queue, database)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "lessons.sqlite"))
