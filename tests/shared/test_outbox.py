"""The outbox: events leave if, and only if, their transaction commits, whatever breaks on the way."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
import structlog
from aio_pika.abc import AbstractChannel

from shared import broker, outbox
from shared.db import Database
from shared.events.messaging import MessageEdited
from shared.outbox import publish
from tests.shared.events import sent
from tests.shared.readonly import read_only
from tests.shared.relaying import Listener, gone, left, relay, say, say_and_fail
from tests.shared.running import beside
from tests.shared.wire import Wire
from tests.waiting import eventually


@pytest.fixture
async def heard(channel: AbstractChannel) -> AsyncIterator[Listener]:
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(broker.EVENTS, "#")
    await queue.bind(broker.PRIVATE, "#")
    yield Listener(queue)
    await queue.delete(if_unused=False, if_empty=False)


@pytest.fixture
def slow_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polling cannot help: what arrives soon was announced."""
    monkeypatch.setattr(outbox, "POLL", 60.0)


async def test_a_committed_event_arrives_whole_and_leaves_the_outbox(
    database: Database, database_url: str, amqp_url: str, heard: Listener
) -> None:
    event = sent(7)

    async with beside(relay(database_url, amqp_url).run()):
        await say(database, event)
        await heard.until(1)
        await eventually(gone(database))

    (body,) = heard.bodies
    assert body == json.loads(event.to_json())
    assert body["specversion"] == "1.0"
    assert body["source"] == "/edustream/messaging"


async def test_an_event_of_a_failed_transaction_never_leaves(
    database: Database, database_url: str, amqp_url: str, heard: Listener
) -> None:
    async with beside(relay(database_url, amqp_url).run()):
        with pytest.raises(ZeroDivisionError):
            await say_and_fail(database, sent(1))
        await say(database, sent(2))

        assert await heard.until(1) == {2}


async def test_private_events_leave_by_the_private_exchange_only(
    database: Database, database_url: str, amqp_url: str, channel: AbstractChannel
) -> None:
    private, public = [await channel.declare_queue(exclusive=True) for _ in range(2)]
    await private.bind(broker.PRIVATE, "#")
    await public.bind(broker.EVENTS, "#")
    edited = MessageEdited(message_id=1, sender_id=1, recipient_id=2, message="secret", edited_at=datetime.now(UTC))

    async with beside(relay(database_url, amqp_url).run()):
        await say(database, edited, sent(2))
        await eventually(gone(database))

    assert [await Listener(q).numbers() for q in (private, public)] == [{1}, {2}]


@pytest.mark.usefixtures("slow_polls")
async def test_the_relay_is_woken_by_the_commit(database: Database, database_url: str, amqp_url: str, heard: Listener) -> None:
    """One at a time, and many at once: no announcement may be missed, even one that comes while a batch is on its way."""
    async with beside(relay(database_url, amqp_url).run()):
        for number in range(30):
            await say(database, sent(number))
            await heard.until(number + 1)
        await asyncio.gather(*(say(database, sent(100 + n)) for n in range(100)))

        assert len(await heard.until(130)) == 130
        await eventually(gone(database))


async def test_a_row_that_commits_late_is_not_skipped(
    database: Database, database_url: str, amqp_url: str, heard: Listener
) -> None:
    async with beside(relay(database_url, amqp_url).run()):
        async with database.transaction() as slow:
            await publish(slow, sent(1))
            await say(database, sent(2))
            assert await heard.until(1) == {2}

        assert await heard.until(2) == {1, 2}


async def test_more_events_than_a_batch_all_arrive(database: Database, database_url: str, amqp_url: str, heard: Listener) -> None:
    count = outbox.BATCH * 2 + 10
    await say(database, *(sent(n) for n in range(count)))

    async with beside(relay(database_url, amqp_url).run()):
        assert await heard.until(count) == set(range(count))
        await eventually(gone(database))


async def test_a_lost_broker_connection_loses_no_event(
    database: Database, database_url: str, wire: Wire, heard: Listener
) -> None:
    async with beside(relay(database_url, wire.url).run()):
        for number in range(60):
            await say(database, sent(number))
            if number % 15 == 7:
                wire.cut()

        assert await heard.until(60) == set(range(60))
        await eventually(gone(database))


async def test_a_broker_that_refuses_for_a_while_loses_no_event(
    database: Database, database_url: str, wire: Wire, heard: Listener
) -> None:
    async with beside(relay(database_url, wire.url).run()):
        await say(database, sent(0))
        await heard.until(1)
        wire.is_refusing = True
        wire.cut()
        await say(database, sent(1))
        before = wire.connections

        async def tried_again() -> bool:
            return wire.connections > before + 1

        await eventually(tried_again)
        assert await heard.numbers() == {0}
        wire.is_refusing = False

        assert await heard.until(2) == {0, 1}


async def test_a_connection_that_fell_silent_is_given_up(
    database: Database, database_url: str, wire: Wire, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "PUBLISH_TIMEOUT", 0.5)
    async with beside(relay(database_url, wire.url).run()):
        await say(database, sent(0))
        await heard.until(1)

        wire.freeze()
        await say(database, sent(1))

        assert await heard.until(2) == {0, 1}
        await eventually(gone(database))


async def test_a_lost_database_connection_loses_no_event(
    database: Database, database_url: str, amqp_url: str, heard: Listener, admin: psycopg.Connection
) -> None:
    async with beside(relay(database_url, amqp_url).run()):
        await say(database, sent(0))
        await heard.until(1)
        async with database.reading() as tx:
            pids = [
                r["pid"]
                for r in await tx.rows(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'tests relay' AND datname = current_database()"
                )
            ]
        assert pids
        admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", (pids,))
        await say(database, sent(1))

        assert await heard.until(2) == {0, 1}


async def test_a_second_relay_takes_over_when_the_first_dies(
    database: Database, database_url: str, amqp_url: str, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL", 0.1)
    async with beside(relay(database_url, amqp_url).run()):
        async with beside(relay(database_url, amqp_url).run()):
            await say(database, sent(0))
            await heard.until(1)
            await eventually(gone(database))
            assert len(heard.bodies) == 1, "two relays at work at once"
        await say(database, sent(1))

        assert await heard.until(2) == {0, 1}


async def test_one_event_that_cannot_be_published_does_not_hold_up_the_others(
    database: Database, database_url: str, amqp_url: str, heard: Listener
) -> None:
    await say(database, sent(0), sent(1))
    async with database.transaction() as tx:
        await tx.run("UPDATE outbox SET exchange = 'no.such.exchange' WHERE position = (SELECT min(position) FROM outbox)")

    async with beside(relay(database_url, amqp_url).run()):
        assert await heard.until(1) == {1}
        await say(database, sent(2))
        assert await heard.until(2) == {1, 2}
        assert await left(database) == 1


async def test_a_database_that_takes_no_writes_has_nothing_published_again_and_again(
    database: Database, database_url: str, amqp_url: str, heard: Listener, admin: psycopg.Connection
) -> None:
    """What cannot be deleted from the outbox must not leave it: it would again with every round."""
    await say(database, sent(1))
    with structlog.testing.capture_logs() as said, contextlib.ExitStack() as stack:
        stack.enter_context(read_only(database_url, admin))
        async with beside(relay(database_url, amqp_url).run()):

            async def tried_again() -> bool:
                return [line["event"] for line in said].count("broker_session_ended") >= 2

            await eventually(tried_again)
            assert await heard.numbers() == set()
            stack.close()
            assert await heard.until(1) == {1}
            await eventually(gone(database))

    assert len(heard.bodies) == 1
