"""The inbox: each event has its effect once, whatever is delivered twice, fails or breaks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aio_pika.abc import AbstractChannel

from shared import broker, context, db, inbox
from shared.db import Database, Tx
from shared.dead_letters import DeadLetters, Letter
from shared.errors import Conflict, describe
from shared.events.messaging import MessageSent, MessagesRead
from shared.inbox import Subscriptions
from tests.shared.events import WITHIN, Effects, consumer, dead, done, post, ready, rows, sent, waiting
from tests.shared.running import beside
from tests.waiting import eventually


async def test_an_event_delivered_many_times_has_its_effect_once(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    event = sent(1)
    await post(channel, *[event] * 20, sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1, 2), WITHIN)
        await post(channel, event, sent(3))
        await eventually(done(database, 1, 2, 3), WITHIN)

    assert await rows(database) == [1, 2, 3]
    assert sorted(effects.calls) == [1, 2, 3]


@pytest.mark.usefixtures("quick")
async def test_a_failing_handler_leaves_nothing_and_is_tried_again(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda _: RuntimeError("not yet") if len(effects.calls) < 4 else None
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)

    assert len(effects.calls) == 4
    assert await dead(channel, subscriptions) == []


@pytest.mark.usefixtures("quick")
async def test_what_always_fails_becomes_a_dead_letter_after_the_delivery_limit(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda number: RuntimeError("never") if number == 1 else None
    await post(channel, sent(1), sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        (letter,) = await eventually(buried, WITHIN)

    assert json.loads(letter)["data"]["message_id"] == 1
    assert effects.calls.count(1) == broker.MAX_DELIVERIES + 1
    assert await rows(database) == [2]


async def test_the_back_off_grows_and_other_events_are_not_held_up(
    channel: AbstractChannel,
    subscriptions: Subscriptions,
    database: Database,
    amqp_url: str,
    effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "BACK_OFF", (60.0, 60.0))
    await ready(channel, subscriptions)
    effects.failure = lambda number: RuntimeError("later") if number == 1 else None
    await post(channel, sent(1), *(sent(n) for n in range(2, 40)))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, *range(2, 40)), WITHIN)

    assert effects.calls.count(1) == 1


@pytest.mark.parametrize(
    "poison",
    [
        b"not json",
        b"\xff\xfe\x00",
        b"{}",
        b"[" * 100_000,
        sent(1).to_json().replace(b'"1.0"', b'"2.0"'),
        sent(1).to_json().replace(b'"message_id":1', b'"message_id":"x"'),
        sent(1).to_json().replace(b'"message_id":1,', b""),
    ],
)
async def test_poison_becomes_a_dead_letter_at_once(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects, poison: bytes
) -> None:
    await ready(channel, subscriptions)
    await post(channel, poison, sent(2))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 2), WITHIN)

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        assert await eventually(buried, WITHIN) == [poison]

    assert effects.calls == [2]


async def test_a_refusal_becomes_a_dead_letter_at_once_and_leaves_nothing(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    effects.failure = lambda _: Conflict("no")
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        await eventually(buried, WITHIN)

    assert effects.calls == [1]
    assert await rows(database) == []
    async with database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM inbox") == 0, "a dead letter must work when given back"


async def test_the_request_that_caused_an_event_is_known_to_its_handler(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str
) -> None:
    known: list[tuple[str | None, str | None]] = []

    @subscriptions.on(MessageSent)
    async def remember(tx: Tx, event: MessageSent) -> None:
        known.append((context.request_id.get(), context.traceparent.get()))

    await ready(channel, subscriptions)
    context.request_id.set("request-0001")
    context.traceparent.set("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    body = sent(1).to_json()
    context.request_id.set(None)
    context.traceparent.set(None)
    await post(channel, body)

    async with beside(consumer(subscriptions, database, amqp_url).run()):

        async def was_handled() -> bool:
            return bool(known)

        await eventually(was_handled, WITHIN)

    assert known == [("request-0001", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]


async def test_old_inbox_rows_are_forgotten_and_young_ones_kept(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run(
            """INSERT INTO inbox (event_id, handled_at)
               VALUES (gen_random_uuid(), now() - interval '9 days'), (gen_random_uuid(), now() - interval '7 days')"""
        )

    await inbox.forget_old(database)

    async with database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM inbox") == 1


@pytest.mark.usefixtures("quick")
async def test_an_event_that_nobody_here_knows_is_put_off_for_a_newer_worker(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    """While a release that adds a subscription is rolled out, workers of the one before get its events, too."""
    await ready(channel, subscriptions)
    newer = Subscriptions(subscriptions.service)
    newer.kinds |= subscriptions.kinds
    newer.handlers |= subscriptions.handlers
    heard: list[int] = []

    @newer.on(MessagesRead)
    async def remember(_tx: Tx, event: MessagesRead) -> None:
        heard.append(event.reader_id)

    async def both() -> bool:
        return len(heard) == 20

    await ready(channel, newer)
    marks = [MessagesRead(reader_id=n, other_user_id=2, message_ids=[1], read_at=datetime.now(UTC)) for n in range(20)]
    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await post(channel, *marks, key=MessagesRead.type)
        await post(channel, sent(1))
        await eventually(done(database, 1), WITHIN)
        async with beside(consumer(newer, database, amqp_url).run()):
            await eventually(both, WITHIN)

    assert sorted(heard) == list(range(20))


@pytest.mark.usefixtures("quick")
async def test_an_event_that_nobody_knows_becomes_a_dead_letter_when_it_was_put_off_too_often(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    await post(channel, sent(1).to_json().replace(b"message.sent", b"message.unheard"))

    async with beside(consumer(subscriptions, database, amqp_url).run()), DeadLetters.at(amqp_url) as letters:

        async def buried() -> list[Letter]:
            return await letters.show(subscriptions.service)

        (letter,) = await eventually(buried, WITHIN)

    assert letter.reason == "rejected", "though it expired twenty times before"


async def test_a_flood_of_events_that_nobody_here_knows_waits_aside_and_holds_up_no_other(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    flood = [sent(n).to_json().replace(b"message.sent", b"message.unheard") for n in range(inbox.PREFETCH + 50)]
    await post(channel, *flood, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)

        async def are_aside() -> bool:
            queue = await channel.declare_queue(broker.later(subscriptions.service), passive=True)
            return queue.declaration_result.message_count == len(flood)

        await eventually(are_aside, WITHIN)

    assert await waiting(channel, subscriptions) == 0
    assert await dead(channel, subscriptions) == []
    kept_for = broker.MAX_DELIVERIES * inbox.PUT_OFF
    assert kept_for > timedelta(minutes=15), "a whole upgrade, and some time"


@pytest.mark.usefixtures("quick")
async def test_an_event_that_can_neither_be_handled_nor_put_off_is_given_back(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    unheard = sent(1).to_json().replace(b"message.sent", b"message.unheard")

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await post(channel, sent(1))
        await eventually(done(database, 1), WITHIN)
        await channel.queue_delete(broker.later(subscriptions.service))
        await post(channel, unheard)

        async def buried() -> list[Any]:
            return await dead(channel, subscriptions)

        assert await eventually(buried, WITHIN) == [unheard]


async def test_one_broken_handler_does_not_slow_the_others(
    channel: AbstractChannel,
    subscriptions: Subscriptions,
    database: Database,
    amqp_url: str,
    effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits to be given back takes its place among what is at hand, but leaves enough to the rest."""
    monkeypatch.setattr(inbox, "BACK_OFF", (60.0, 60.0))
    await ready(channel, subscriptions)
    effects.failure = lambda number: RuntimeError("broken") if number < 0 else None
    await post(channel, *(sent(n) for n in range(-100, 0)), sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)


async def test_old_inbox_rows_are_forgotten_batch_by_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BATCH", 4)
    async with database.transaction() as tx:
        await tx.run("ANALYZE inbox")  # so that the planner takes it for empty: the limit has to hold by every plan
        await tx.run(
            """INSERT INTO inbox (event_id, handled_at)
               SELECT gen_random_uuid(), now() - interval '9 days' FROM generate_series(1, 10)"""
        )
        assert await tx.run(inbox.FORGET, batch=3) == 3

    await inbox.forget_old(database)

    async with database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM inbox") == 0


def test_what_is_logged_of_a_failure_holds_no_values() -> None:
    try:
        raise ValueError("jane@example.com")
    except ValueError as error:
        said = describe(error)

    assert said.startswith("ValueError ")
    assert f"{__name__.rpartition('.')[2]}.py:" in said
    assert "jane" not in said
