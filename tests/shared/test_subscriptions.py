"""What a service hears: what it subscribed to, by whichever exchange it comes, and nothing else."""

from datetime import UTC, datetime

import aio_pika
from aio_pika.abc import AbstractChannel

from shared import broker
from shared.db import Database, Tx
from shared.events.messaging import MessagesRead, MessagingAudited
from shared.inbox import Subscriptions
from tests.shared.events import WITHIN, Effects, consumer, dead, done, post, ready, sent, waiting
from tests.shared.running import beside
from tests.waiting import eventually


async def test_only_what_was_subscribed_to_comes(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    await ready(channel, subscriptions)
    other = MessagesRead(reader_id=1, other_user_id=2, message_ids=[1], read_at=datetime.now(UTC))
    await post(channel, other, key=MessagesRead.type)
    await post(channel, sent(1))

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(done(database, 1), WITHIN)

    assert await waiting(channel, subscriptions) == 0
    assert await dead(channel, subscriptions) == []


async def test_an_event_that_became_private_is_heard_from_producers_of_either_release(
    channel: AbstractChannel, subscriptions: Subscriptions, database: Database, amqp_url: str
) -> None:
    """While a release is rolled out those of the one before still say it on the public exchange."""
    heard: set[int | None] = set()

    @subscriptions.on(MessagingAudited)
    async def remember(_tx: Tx, event: MessagingAudited) -> None:
        heard.add(event.actor_id)

    async def both() -> bool:
        return heard == {1, 2}

    await ready(channel, subscriptions)
    for actor, name in ((1, broker.EVENTS), (2, broker.PRIVATE)):
        exchange = await channel.get_exchange(name)
        body = MessagingAudited(action="user_blocked", actor_id=actor).to_json()
        await exchange.publish(aio_pika.Message(body), MessagingAudited.type)

    async with beside(consumer(subscriptions, database, amqp_url).run()):
        await eventually(both, WITHIN)
