"""The example of docs/events.md works: an outside program sees the past and the present, once, whatever the order."""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import pytest

from shared import broker
from shared.broker import Publisher
from shared.events.bookings import BookingCancelled, BookingConfirmed, BookingRequested
from shared.events.messaging import MessageSent
from tests.waiting import eventually

PROGRAM = Path(__file__).parents[2] / "deploy" / "examples" / "subscriber.py"
NOW = datetime.now(UTC)


def booking(kind: Any, booking_id: int, version: int, status: str) -> Any:
    people = {"student_id": 1, "tutor_user_id": 2, "tutor_id": 3, "student_name": "Jane", "tutor_name": "John"}
    lesson = {"subject_id": 1, "subject_name": "Art", "start_at": NOW, "end_at": NOW, "lesson_type": "online", "created_at": NOW}
    money = {"price": Decimal(45), "currency": "USD", "by": "student"}
    return kind(booking_id=booking_id, version=version, status=status, **people, **lesson, **money)


class Program:
    """The running example."""

    def __init__(self, process: asyncio.subprocess.Process, path: Path) -> None:
        self._process = process
        self._path = path

    async def tells(self) -> dict[str, Any]:
        """The next line it writes."""
        assert self._process.stdout
        async with asyncio.timeout(30):
            line = await self._process.stdout.readline()
        told: dict[str, Any] = json.loads(line)
        return told

    async def has_replayed(self) -> bool:
        with sqlite3.connect(self._path) as database, suppress(sqlite3.OperationalError):  # the tables are still to be made
            return bool(database.execute("SELECT count(*) FROM progress").fetchone()[0])
        return False

    def lessons(self) -> list[tuple[int, int, str]]:
        with sqlite3.connect(self._path) as database:
            found = database.execute("SELECT id, version, status FROM lessons WHERE id > 9000 ORDER BY id").fetchall()
        database.close()
        return found


@asynccontextmanager
async def running(amqp_url: str, path: Path) -> AsyncIterator[Program]:
    environment = {**os.environ, "AMQP_URL": amqp_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(path), stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        yield Program(process, path)
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def amqp_url(new_vhost: Callable[[str], str]) -> str:
    """Of its own: what is said here is nothing for services."""
    return new_vhost("example")


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[Publisher]:
    async with await aio_pika.connect(amqp_url) as connection:
        yield await Publisher.on(connection)
        async with connection.channel() as channel:
            await channel.queue_delete("example.lessons")


async def publish(publisher: Publisher, *events: Any) -> None:
    for event in events:
        await publisher.send(event.event_id, broker.EVENTS, event.type, event.to_json())


async def test_the_example_sees_past_and_present_once_whatever_the_order(
    publisher: Publisher, amqp_url: str, tmp_path: Path
) -> None:
    requested = booking(BookingRequested, 9001, 1, "PENDING")
    await publish(publisher, requested, MessageSent(message_id=1, sender_id=1, recipient_id=2))

    async with running(amqp_url, tmp_path / "lessons.sqlite") as program:
        while (told := await program.tells())["lesson"] != 9001:  # others of this run may be in the stream
            pass
        assert told == {"lesson": 9001, "status": "PENDING"}
        cancelled = booking(BookingCancelled, 9001, 3, "CANCELLED")
        late = booking(BookingConfirmed, 9001, 2, "CONFIRMED")
        await publish(publisher, cancelled, late, cancelled, booking(BookingRequested, 9002, 1, "PENDING"))
        assert await program.tells() == {"lesson": 9001, "status": "CANCELLED"}
        assert await program.tells() == {"lesson": 9002, "status": "PENDING"}

    await publish(publisher, booking(BookingConfirmed, 9002, 2, "CONFIRMED"))  # while it is away
    async with running(amqp_url, tmp_path / "lessons.sqlite") as program:
        assert await program.tells() == {"lesson": 9002, "status": "CONFIRMED"}
        assert program.lessons() == [(9001, 3, "CANCELLED"), (9002, 2, "CONFIRMED")]


async def test_the_example_passes_by_what_it_does_not_understand(publisher: Publisher, amqp_url: str, tmp_path: Path) -> None:
    event = booking(BookingRequested, 9003, 1, "PENDING")
    whole = json.loads(event.to_json())
    strangers: list[dict[str, Any]] = [
        whole | {"id": "a", "data": {"booking_id": 9003, "version": 7}},
        whole | {"id": "b", "data": whole["data"] | {"status": ["no", "text"]}},
        whole | {"id": "c", "type": "bookings.booking.requested.v2", "data": {"entirely": "different"}},
        {"id": "d", "type": event.type},
    ]

    async def say() -> None:
        for stranger in strangers:
            await publisher.send(uuid4(), broker.EVENTS, event.type, json.dumps(stranger).encode())
        await publish(publisher, event)

    await say()
    async with running(amqp_url, tmp_path / "lessons.sqlite") as program:
        while (await program.tells())["lesson"] != 9003:
            pass
        await eventually(program.has_replayed)
        await say()  # now by its queue
        await publish(publisher, booking(BookingConfirmed, 9003, 2, "CONFIRMED"))
        assert await program.tells() == {"lesson": 9003, "status": "CONFIRMED"}


async def test_the_example_comes_to_the_present_also_while_it_is_busy(
    publisher: Publisher, amqp_url: str, tmp_path: Path
) -> None:
    """Where something happens all the time the stream is never silent."""
    async with running(amqp_url, tmp_path / "lessons.sqlite") as program:
        number = 10_000

        async def replayed_while_busy() -> bool:
            nonlocal number
            number += 1
            await publish(publisher, booking(BookingRequested, number, 1, "PENDING"))
            return await program.has_replayed()

        await eventually(replayed_while_busy, within=30)
