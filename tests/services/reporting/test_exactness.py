"""Whatever happened, in whatever order it was told: dashboards show what the newest states add up to, also after a rebuild."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import aio_pika
import pytest

from services.reporting.integrity.peers import batches
from services.reporting.rebuild import rebuild
from shared import broker
from shared.broker import Broker, Publisher
from shared.events.base import Envelope, Event
from shared.inbox import Consumer
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.reporting import history
from tests.services.reporting.test_dashboards import see
from tests.waiting import eventually

READ_MODELS = ("users", "tutors", "subjects", "bookings", "purchases", "activities", "audit_log")


async def tell(service: Harness, events: list[Event]) -> None:
    """Straight to the handlers, many at once as a consumer does."""
    gate = asyncio.Semaphore(8)

    async def one(event: Event) -> None:
        async with gate:
            await service.service.subscriptions.handle(service.database, Envelope.model_validate_json(event.to_json()))

    await asyncio.gather(*(one(event) for event in events))


async def rows(service: Harness) -> dict[str, list[Any]]:
    """Everything that is kept, row by row."""
    found = {}
    async with service.database.reading() as tx:
        for table in READ_MODELS:
            cursor = await tx.connection.execute(f"SELECT to_jsonb(r) FROM {table} AS r ORDER BY r::text")
            found[table] = await cursor.fetchall()
        found["counters"] = await tx.rows("SELECT * FROM counters WHERE value <> 0 ORDER BY measure, month, key")
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_random_histories_add_up(service: Harness, seed: int) -> None:
    events = history.events(seed, 300)

    await tell(service, events)

    stats = await see(service, "stats")
    expected = history.expected_stats(events)
    assert {name: stats[name] for name in expected} == expected
    revenue = history.expected_revenue(events)
    for month in await see(service, "monthly-revenue", months=12):
        amounts = {currency: Decimal(str(amount)) for currency, amount in month["by_currency"].items()}
        assert amounts == revenue.get(month["month"], {}), month["month"]
    growth = await see(service, "user-growth", months=12)
    assert growth[-1]["total_users"] <= sum(m["new_users"] for m in growth)


@asynccontextmanager
async def consuming(service: Harness) -> AsyncIterator[Publisher]:
    """The service's own consumer at work, and a publisher to feed it."""
    url = service.app.state.settings.amqp_url
    work = asyncio.ensure_future(Consumer(service.service.subscriptions, service.database, Broker(url, "reporting")).run())
    async with await aio_pika.connect(url) as connection:
        publisher = await Publisher.on(connection)
        await eventually(lambda: _consumed(connection))
        yield publisher
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def _consumed(connection: Any) -> bool:
    async with connection.channel() as channel:
        with suppress(aio_pika.exceptions.ChannelClosed):
            queue = await channel.get_queue("edustream.reporting")
            return bool(queue.declaration_result.consumer_count)
    return False


async def _handled(service: Harness) -> int:
    async with service.database.reading() as tx:
        return int(await tx.value("SELECT count(*) FROM inbox"))


@pytest.mark.timeout(300)
async def test_a_rebuild_gives_the_same_rows_whatever_was_done_to_them(service: Harness) -> None:
    events = history.events(99, 2000)
    async with consuming(service) as publisher:
        for some in batches(events, 50):
            await asyncio.gather(*(publisher.send(e.event_id, broker.EVENTS, e.type, e.to_json()) for e in some))

        async def all_handled() -> bool:
            return await _handled(service) == len(events)

        await eventually(all_handled, within=60)
    before = await rows(service)
    assert len(before["bookings"]) > 200
    async with service.database.transaction() as tx:
        await tx.run("DELETE FROM bookings WHERE mod(booking_id, 3) = 0")
        await tx.run("UPDATE users SET role = 'admin', version = 1000 WHERE mod(user_id, 3) = 0")
        await tx.run("UPDATE counters SET value = value + 1")
        await tx.run("INSERT INTO tutors VALUES (99999, 1, 1, 'approved', true)")

    await rebuild(Runtime(service.app.state.settings, service.database))

    assert await rows(service) == before
