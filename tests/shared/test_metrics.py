"""What is exported for operators moves with what it is about."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest
from aio_pika.abc import AbstractChannel
from prometheus_client import REGISTRY

from shared import db, inbox, outbox
from shared.broker import Broker
from shared.db import Database, Tx
from shared.errors import Conflict
from shared.events.messaging import MessageSent
from shared.inbox import Consumer, Subscriptions
from tests.shared.events import post, ready
from tests.shared.running import beside
from tests.waiting import eventually


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def becomes(name: str, wanted: float, **labels: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return value(name, **labels) == wanted

    return look


async def test_the_use_of_the_pool_is_exported(database: Database) -> None:
    assert value("edustream_pool_size", service="tests") == 8
    await eventually(becomes("edustream_pool_in_use", 0, service="tests"))  # the first connection has been made
    async with database.transaction(), database.reading():
        assert value("edustream_pool_in_use", service="tests") == 2
    assert value("edustream_pool_in_use", service="tests") == 0
    assert value("edustream_pool_waiting", service="tests") == 0


async def test_the_connections_of_the_whole_server_are_exported(
    database: Database, database_url: str, admin: psycopg.Connection
) -> None:
    (most,) = admin.execute("SELECT current_setting('max_connections')::int").fetchone() or (0,)
    async with AsyncExitStack() as stack:
        for _ in range(5):  # of no pool
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(database_url))
        await db.measure_server(database, "tests")

    used, limit = (value(f"edustream_database_connections{end}", service="tests") for end in ("", "_limit"))
    assert used is not None
    assert limit is not None
    assert 5 + 1 + 1 <= used <= limit < most, "these, the pool's and the administrator's"


async def test_the_outbox_is_measured_without_a_broker(database: Database) -> None:
    await outbox.measure(database, "tests")
    assert value("edustream_outbox_depth", service="tests") == 0

    async with database.transaction() as tx:
        await outbox.publish(tx, *(MessageSent(message_id=n, sender_id=1, recipient_id=2) for n in range(3)))
    await outbox.measure(database, "tests")

    assert value("edustream_outbox_depth", service="tests") == 3
    assert (value("edustream_outbox_age_seconds", service="tests") or 0) > 0


async def test_what_waits_and_what_is_dead_is_exported(
    subscriptions: Subscriptions, database: Database, channel: AbstractChannel, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MEASURED_EVERY", 0.05)
    gate = asyncio.Event()

    async def is_not_known() -> bool:
        """An old number would pass for what is so now."""
        return math.isnan(value("edustream_dead_letters", service="probe") or 0)

    @subscriptions.on(MessageSent)
    async def refuse(_tx: Tx, _event: MessageSent) -> None:
        await gate.wait()
        raise Conflict("never")

    await ready(channel, subscriptions)
    async with beside(Consumer(subscriptions, database, Broker(amqp_url, "probe")).run()):
        await post(channel, *(MessageSent(message_id=n, sender_id=1, recipient_id=2) for n in range(inbox.PREFETCH + 3)))
        await eventually(becomes("edustream_queue_depth", 3, service="probe"))
        gate.set()
        await eventually(becomes("edustream_queue_depth", 0, service="probe"))
        await eventually(becomes("edustream_dead_letters", inbox.PREFETCH + 3, service="probe"))
        assert value("edustream_broker_connected", service="probe", purpose="consumer") == 1
        await channel.queue_delete(f"edustream.{subscriptions.service}.dead")
        await eventually(is_not_known)
    assert value("edustream_broker_connected", service="probe", purpose="consumer") == 0
    assert await is_not_known()
