"""Whatever happened, in whatever order it was told: dashboards show what the newest states add up to, also after a rebuild."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import aio_pika
import pytest

from services.reporting.integrity import ComparedAlready, one_at_a_time
from services.reporting.integrity.peers import batches
from services.reporting.rebuild import rebuild
from shared import broker
from shared.broker import Broker, Publisher
from shared.db import Database
from shared.events.base import Envelope, Event
from shared.events.messaging import MessageSent
from shared.events.profiles import SubjectChanged
from shared.inbox import Consumer
from shared.replay import replay
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
    total, born = 0, history.expected_growth(events)
    for month in await see(service, "user-growth", months=14):
        made, deleted = born.pop(month["month"], (0, 0))
        total += made - deleted
        assert (month["new_users"], month["deleted_users"], month["total_users"]) == (made, deleted, total), month["month"]
    assert born == {}
    assert (await see(service, "session-metrics"))["by_status"] == history.expected_states(events)
    subjects = {s["subject_id"]: s["bookings"] for s in await see(service, "subject-distribution")}
    assert subjects == history.expected_subjects(events)
    async with service.database.reading() as tx:
        acts = await tx.rows("SELECT target_id, count(*) AS acts FROM audit_log GROUP BY target_id")
    assert {row["target_id"]: row["acts"] for row in acts} == history.expected_acts(events)


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

    small = Database(service.app.state.settings.database_url, 2, "rebuilding")
    await small.open()
    try:
        with pytest.raises(
            SystemExit, match=r"not complete\..*reporting could not be asked"
        ):  # what is older than the stream may be missing
            await rebuild(Runtime(service.app.state.settings, small))
    finally:
        await small.close()

    assert await rows(service) == before


async def test_a_rebuild_forgets_nothing_while_somebody_repairs(service: Harness) -> None:
    await tell(service, history.events(3, 30))
    before = await rows(service)

    async with one_at_a_time(service.database):
        with pytest.raises(ComparedAlready):
            await rebuild(Runtime(service.app.state.settings, service.database))

    assert await rows(service) == before


async def test_a_rebuild_may_lose_the_connection_by_which_it_is_the_only_one(service: Harness) -> None:
    small = Database(service.app.state.settings.database_url, 2, "rebuilding")
    await small.open()
    try:
        async with one_at_a_time(small):
            await _hang_up(service, "rebuilding")
        async with one_at_a_time(small):
            pass
    finally:
        await small.close()


@pytest.mark.timeout(120)
async def test_a_replay_survives_outages_and_poison_on_a_small_pool(service: Harness, new_vhost: Callable[[str], str]) -> None:
    """Whoever replays has thrown everything away before: stopping in the middle would leave less than there was."""
    events = history.events(7, 300)
    await tell(service, events)
    before = await rows(service)
    url = new_vhost("replay")
    await Broker(url, "reporting").declare_inbox("reporting", service.service.subscriptions.bindings)
    poison = SubjectChanged(subject_id=9999, version=1, name="no text \x00 of PostgreSQL's", category=None)
    async with await aio_pika.connect(url) as connection:
        publisher = await Publisher.on(connection)
        for some in batches([poison, *events], 50):
            await asyncio.gather(*(publisher.send(e.event_id, broker.EVENTS, e.type, e.to_json()) for e in some))
    async with service.database.transaction() as tx:
        await tx.run("TRUNCATE users, tutors, subjects, bookings, purchases, counters")

    small = Database(service.app.state.settings.database_url, 2, "replaying")
    await small.open()
    try:
        done, *_ = await asyncio.gather(
            replay(url, service.service.subscriptions, small), _hang_up(service, "replaying"), _go_on_talking(url)
        )
    finally:
        await small.close()

    assert done == {"handled": len(events), "refused": 1}
    assert await rows(service) == before


async def _hang_up(service: Harness, application: str) -> None:
    """As a database does that is started anew."""
    for _ in range(5):
        await asyncio.sleep(0.2)
        async with service.database.reading() as tx:
            sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %(application)s"
            await tx.run(sql, application=application)


async def _go_on_talking(url: str) -> None:
    """What comes into the stream behind its end is fetched too."""
    async with await aio_pika.connect(url) as connection:
        publisher = await Publisher.on(connection)
        for number in range(100):
            event = MessageSent(message_id=number, sender_id=1, recipient_id=2)
            await publisher.send(event.event_id, broker.EVENTS, event.type, event.to_json())
            await asyncio.sleep(0.01)
