"""Events that no queue takes: the broker confirms and drops them, so they must stay in the outbox until one does."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
import structlog
from aio_pika.abc import AbstractChannel
from prometheus_client import REGISTRY

from shared import broker, outbox
from shared.db import Database
from shared.events.messaging import MessageEdited
from shared.events.notifications import LiveMessagesLogged
from shared.outbox import Unheard
from tests.shared.events import sent
from tests.shared.relaying import Listener, gone, left, relay, say
from tests.shared.running import beside
from tests.waiting import eventually


@pytest.fixture(scope="module")
def amqp_url(new_vhost: Callable[[str], str]) -> str:
    """Where no test of a service has left its queue."""
    return new_vhost("unheard")


def edited(number: int) -> MessageEdited:
    return MessageEdited(message_id=number, sender_id=1, recipient_id=2, message="secret", edited_at=datetime.now(UTC))


def returned() -> float:
    labels = {"service": "tests", "type": MessageEdited.type}
    return REGISTRY.get_sample_value("edustream_events_unroutable_total", labels) or 0


@pytest.fixture
async def later(channel: AbstractChannel) -> AsyncIterator[Listener]:
    """A queue that is bound to nothing yet."""
    queue = await channel.declare_queue(exclusive=True)
    yield Listener(queue)
    await queue.delete(if_unused=False, if_empty=False)


async def until_returned(times: float) -> None:
    async def often() -> bool:
        return returned() >= times

    await eventually(often)


async def test_an_event_said_while_no_queue_is_bound_arrives_when_one_is(
    database: Database, database_url: str, amqp_url: str, later: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BACK_OFF", (0.05, 0.1))
    monkeypatch.setattr(outbox, "POLL", 0.05)
    before = returned()
    with structlog.testing.capture_logs() as said:
        async with beside(relay(database_url, amqp_url).run()):
            await say(database, edited(1), edited(2))
            await until_returned(before + 4)
            assert await left(database) == 2
            await later.queue.bind(broker.PRIVATE, MessageEdited.type)

            assert await later.until(2) == {1, 2}
            await eventually(gone(database))

    assert [body["data"]["message_id"] for body in later.bodies] == [1, 2], "twice, or in another order"
    (first, *_) = (line for line in said if line["event"] == "events_unroutable")
    assert (first["type"], first["count"], first["log_level"]) == (MessageEdited.type, 2, "warning")
    assert "secret" not in str(said)


async def test_events_that_no_queue_takes_hold_up_no_others_however_many_they_are(
    database: Database, database_url: str, amqp_url: str, later: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 5)
    await later.queue.bind(broker.EVENTS, "#")
    await say(database, *(edited(n) for n in range(12)), sent(100))

    async with beside(relay(database_url, amqp_url).run()):
        assert await later.until(1) == {100}

    assert await left(database) == 12


async def test_an_event_for_whoever_listens_at_the_moment_waits_for_nobody(
    database: Database, database_url: str, amqp_url: str
) -> None:
    await say(database, LiveMessagesLogged(entries=[]))

    async with beside(relay(database_url, amqp_url).run()):
        await eventually(gone(database))


def test_a_type_waits_ever_longer_until_a_queue_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    unheard = Unheard()

    assert [unheard.hold("a") for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    unheard.hold("b")
    assert unheard.held() == ["a", "b"]
    now += 29
    assert unheard.held() == ["a"]
    unheard.release({"a", "b", "c"})
    assert unheard.held() == []
    assert unheard.hold("a") == 1
