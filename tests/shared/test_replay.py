"""Reading the stream again: whatever becomes of one event, the others have their effect."""

from collections.abc import Callable

import aio_pika
import pytest

from shared import broker
from shared.broker import Publisher
from shared.db import Database
from shared.inbox import Subscriptions
from shared.replay import replay
from tests.shared.events import Effects, rows, sent


@pytest.fixture
def amqp_url(new_vhost: Callable[[str], str]) -> str:
    """A stream of the test's own."""
    return new_vhost("replayed")


async def test_an_event_at_which_a_handler_breaks_takes_none_of_the_others_along(
    subscriptions: Subscriptions, database: Database, amqp_url: str, effects: Effects
) -> None:
    effects.failure = lambda number: RuntimeError("never") if number == 777 else None
    async with await aio_pika.connect(amqp_url) as connection:
        publisher = await Publisher.on(connection)
        for event in (sent(776), sent(777), sent(778)):
            await publisher.send(event.event_id, broker.EVENTS, event.type, event.to_json())

    assert await replay(amqp_url, subscriptions, database) == {"handled": 2, "refused": 1}
    assert await rows(database) == [776, 778]
