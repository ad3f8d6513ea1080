"""A database of messaging's shape, and the worker's parts running on it beside each test."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from shared import broker, inbox
from shared.db import Database
from shared.inbox import Subscriptions
from tests.servers import Databases
from tests.shared.events import Effects
from tests.shared.wire import Wire


@pytest.fixture
def database_url(clean_databases: Databases) -> str:
    return clean_databases["messaging"]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, 8, "tests")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def channel(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel of the test's own, with confirms; the exchanges exist."""
    async with await aio_pika.connect(amqp_url, timeout=10) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await broker.declare(channel)
        yield channel


@pytest.fixture
async def wire(amqp_url: str) -> AsyncIterator[Wire]:
    """The broker behind a wire that can be cut."""
    async with Wire(amqp_url).connected() as wire:
        yield wire


@pytest.fixture
async def database_wire(database_url: str) -> AsyncIterator[Wire]:
    """The database behind a wire that can be cut."""
    async with Wire(database_url).connected() as wire:
        yield wire


@pytest.fixture
async def subscriptions(channel: AbstractChannel) -> AsyncIterator[Subscriptions]:
    """Subscriptions with queues of their own, which are gone after the test."""
    subscriptions = Subscriptions("probe")
    await _forget(channel, subscriptions)
    yield subscriptions
    await _forget(channel, subscriptions)


@pytest.fixture
def effects(subscriptions: Subscriptions) -> Effects:
    return Effects(subscriptions)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in milliseconds."""
    monkeypatch.setattr(inbox, "BACK_OFF", (0.001, 0.01))
    monkeypatch.setattr(inbox, "PUT_OFF", timedelta(milliseconds=10))


async def _forget(channel: AbstractChannel, subscriptions: Subscriptions) -> None:
    name = f"edustream.{subscriptions.service}"
    for queue in (name, f"{name}.dead", broker.later(subscriptions.service)):
        await channel.queue_delete(queue)
