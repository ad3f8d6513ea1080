"""RabbitMQ: topology, publishing with confirms, and connections that come back with everything they had."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import PublishError

from shared import logs, metrics
from shared.lasting import end_if_cancelled, was_cancelled

EVENTS: Final = "edustream.events"
PRIVATE: Final = "edustream.private"
LOG: Final = "edustream.events.log"
DEAD: Final = "edustream.dead"
PUBLISH_TIMEOUT = 10.0  # seconds to wait for a confirm
MAX_DELIVERIES = 20
BACK_OFF = (0.1, 5.0)  # seconds between attempts to connect: first, most
HEARTBEAT = 15  # seconds
STEADY = 10.0  # seconds after which a session counts as having worked
FAREWELL = 2.0  # seconds to take leave of a broker, which may never answer

log = logs.get(__name__)
Session = Callable[[AbstractConnection], Awaitable[None]]


class _Connection(aio_pika.Connection):
    """Whoever opens one closes it. The library has the garbage collector close those that never came about as well, which warns
    where no loop runs at that moment."""

    def __del__(self) -> None:
        pass


class Broker:
    """The address of the broker, and the one way to stay connected to it."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name

    async def keep(self, purpose: str, session: Session) -> None:
        """Run `session` on a connection, for ever: when it fails, or the connection goes, everything is done anew.

        Nothing is restored behind the session's back. A library that restores channels and consumers by itself cannot know
        what was only half done, and is the usual cause of a consumer that is connected and deaf."""
        wait = BACK_OFF[0]
        connected = metrics.broker_connected.labels(self._name, purpose)
        connected.set(0)
        while True:
            started = time.monotonic()
            try:
                connection = await self._connect(purpose)
                connected.set(1)
                try:
                    end_if_cancelled()
                    await _until_closed(connection, session)
                finally:
                    connected.set(0)
                    await _end(asyncio.ensure_future(connection.close()))
            except asyncio.CancelledError:
                if was_cancelled():
                    raise
                log.warning("broker_session_ended", purpose=purpose, error="a call was cancelled: no heartbeats")
            except Exception as error:  # whatever it was, the answer is to start anew
                end_if_cancelled()
                log.warning("broker_session_ended", purpose=purpose, error=repr(error))
            if time.monotonic() - started > STEADY:
                wait = BACK_OFF[0]  # not merely because it connected: a session that fails at once must not spin
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  jitter, so that all do not come back at once
            wait = min(wait * 2, BACK_OFF[1])

    async def declare_inbox(self, service: str, bindings: dict[str, set[str]]) -> None:
        """Make a service's queue, on a connection of its own."""
        async with await self._connect("migrate") as connection:
            await declare_inbox(await connection.channel(), service, bindings)

    async def _connect(self, purpose: str) -> AbstractConnection:
        return await aio_pika.connect(
            self._url,
            timeout=5,
            heartbeat=HEARTBEAT,
            client_properties={"connection_name": f"{self._name} {purpose}"},
            connection_class=_Connection,
        )


async def _until_closed(connection: AbstractConnection, session: Session) -> None:
    lost = asyncio.Event()
    connection.close_callbacks.add(lambda *_: lost.set())  # `connection.closed()` tells only of a close that we asked for
    if not connection.connected.is_set():
        lost.set()
    work, closed = asyncio.ensure_future(session(connection)), asyncio.ensure_future(lost.wait())
    try:
        await asyncio.wait({work, closed}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        raise ConnectionError("the session ended" if work.done() else "the connection was lost")
    finally:
        for task in (work, closed):
            task.cancel()
        await _end(work, closed)


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    """Wait for their end, but not for ever: a call that was interrupted, or a broker that is gone, may leave the library waiting
    for an answer that never comes, and whoever waited for that would be connected to nothing for good."""
    done, stuck = await asyncio.wait(tasks, timeout=FAREWELL)
    for task in done:
        if not task.cancelled():
            task.exception()  # told already, or of no interest any more
    for task in stuck:
        task.cancel()


async def consumer_channel(connection: AbstractConnection, prefetch: int = 0) -> AbstractChannel:
    """A channel to consume on. When the broker cancels the consumer (its queue was deleted, or moved) the channel closes, so that
    whoever iterates comes to an end: by itself the library only logs it, and the consumer stays connected and deaf."""
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=prefetch)

    async def close(_frame: object) -> None:
        closing.append(
            asyncio.ensure_future(channel.close())
        )  # not awaited here: the reader that calls must go on to read the answer

    closing: list[asyncio.Future[None]] = []
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(close)
    return channel


async def declare(channel: AbstractChannel) -> dict[str, AbstractExchange]:
    """The exchanges everybody shares, and the stream that keeps all public events for a week."""
    exchanges = {name: await channel.declare_exchange(name, "topic", durable=True) for name in (EVENTS, PRIVATE)}
    exchanges[DEAD] = await channel.declare_exchange(DEAD, "direct", durable=True)
    stream = await channel.declare_queue(
        LOG,
        durable=True,
        arguments={
            "x-queue-type": "stream",
            "x-max-age": "7D",
            "x-max-length-bytes": 5_000_000_000,
            "x-stream-max-segment-size-bytes": 50_000_000,
        },
    )
    await stream.bind(EVENTS, "#")
    return exchanges


async def declare_inbox(channel: AbstractChannel, service: str, bindings: dict[str, set[str]]) -> AbstractQueue:
    """A service's durable queue with its dead letters, bound to `bindings` (exchange → routing keys); and one whose messages come
    back to it when they expire."""
    await declare(channel)
    name = f"edustream.{service}"
    await channel.declare_queue(
        later(service),
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    dead = await channel.declare_queue(f"{name}.dead", durable=True, arguments={"x-queue-type": "quorum"})
    await dead.bind(DEAD, name)
    queue = await channel.declare_queue(
        name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": MAX_DELIVERIES,
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    for exchange, keys in bindings.items():
        for key in sorted(keys):
            await queue.bind(exchange, key)
    return queue


def later(service: str) -> str:
    """The queue of what is put off."""
    return f"edustream.{service}.later"


async def send_copy(
    channel: AbstractChannel,
    message: AbstractIncomingMessage,
    queue: str,
    headers: dict[str, Any],
    expiration: timedelta | None = None,
) -> None:
    """Put a copy into this queue, with these headers only: by the broker's own it would take a message that went round for one
    caught in a circle, and drop it. Raises when the broker did not confirm it, or there is no such queue."""
    copy = aio_pika.Message(
        message.body,
        headers=headers,
        message_id=message.message_id,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        expiration=expiration,
    )
    await channel.default_exchange.publish(copy, queue, mandatory=True, timeout=PUBLISH_TIMEOUT)


class Unroutable(Exception):
    """No queue takes a message of this routing key: the broker gave it back."""


class Publisher:
    """Publishes persistent messages and waits until the broker has them."""

    def __init__(self, exchanges: dict[str, AbstractExchange]) -> None:
        self._exchanges = exchanges

    @classmethod
    async def on(cls, connection: AbstractConnection) -> "Publisher":
        return cls(await declare(await connection.channel(publisher_confirms=True, on_return_raises=True)))

    async def send(self, event_id: UUID, exchange: str, routing_key: str, body: bytes, *, mandatory: bool = True) -> None:
        """Raises when the broker did not confirm: the message may or may not have arrived, and is to be sent again. A broker
        also confirms what no queue takes, and drops it: with `mandatory` that is `Unroutable`."""
        message = aio_pika.Message(
            body,
            message_id=str(event_id),
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        try:
            await self._exchanges[exchange].publish(message, routing_key, mandatory=mandatory, timeout=PUBLISH_TIMEOUT)
        except PublishError as error:
            raise Unroutable(routing_key) from error
