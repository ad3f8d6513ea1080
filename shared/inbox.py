"""Inbox: each event has its effect once. Handlers and the inbox row share a transaction; the message is acknowledged after it."""

import asyncio
import contextlib
import math
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError
from pydantic import ValidationError

from shared import broker, context, logs, metrics, tracing
from shared.broker import Broker
from shared.db import Database, Tx, forget_in_batches
from shared.errors import Refusal, Unavailable, describe
from shared.events.base import Envelope, Event

PREFETCH = 256  # messages at hand: many more than are worked on, since those that wait to be given back are among them
MEASURED_EVERY = 10.0  # seconds
BACK_OFF = (0.05, 5.0)  # seconds before a message is given back: first attempt, most
PUT_OFF = timedelta(seconds=60)  # as often as there are deliveries, so for 20 minutes: an upgrade may take ten
TIMES = "x-edustream-put-off"  # header: how often it was

log = logs.get(__name__)
E = TypeVar("E", bound=Event)
Handler = Callable[[Tx, Any], Awaitable[None]]

ACCEPT = "INSERT INTO inbox (event_id) VALUES (%(event_id)s) ON CONFLICT DO NOTHING"
# Longer than the stream keeps what could be replayed.
FORGET = """
DELETE FROM inbox WHERE event_id = ANY(ARRAY(
  SELECT event_id FROM inbox WHERE handled_at < now() - interval '8 days'
  ORDER BY handled_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
))
"""


class UnknownEvent(Exception):
    """A message of a type nobody here subscribed to: for a newer version of this service, which is just being rolled out, or by
    a binding that nobody needs any more."""


class Subscriptions:
    """What a service hears: a table from event class to handlers, filled by the decorator `on`."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.kinds: dict[str, type[Event]] = {}
        self.handlers: dict[str, list[Handler]] = defaultdict(list)

    def on(self, *kinds: type[Event]) -> Callable[[Callable[[Tx, E], Awaitable[None]]], Callable[[Tx, E], Awaitable[None]]]:
        """Call the function, once for each event of these classes, inside a transaction. Order is not assured."""

        def register(handler: Callable[[Tx, E], Awaitable[None]]) -> Callable[[Tx, E], Awaitable[None]]:
            for kind in kinds:
                self.kinds[kind.type] = kind
                self.handlers[kind.type].append(handler)
            return handler

        return register

    @property
    def bindings(self) -> dict[str, set[str]]:
        """Exchange → routing keys. Private ones at both: of a kind that became private, producers of the release before speak on
        the public exchange until they are replaced."""
        return {
            broker.EVENTS: set(self.kinds),
            broker.PRIVATE: {kind.type for kind in self.kinds.values() if kind.private},
        }

    async def handle(self, database: Database, envelope: Envelope) -> bool:
        """Run the handlers of one event unless they ran before; whether they did run."""
        if envelope.type not in self.kinds:
            raise UnknownEvent(envelope.type)
        event = envelope.event(self.kinds[envelope.type])
        async with database.transaction() as tx:
            if not await tx.run(ACCEPT, event_id=envelope.id):
                return False
            for handler in self.handlers[envelope.type]:
                await handler(tx, event)
        return True


class Consumer:
    """Feeds a service's subscriptions from its queue, for ever."""

    def __init__(self, subscriptions: Subscriptions, database: Database, broker_: Broker) -> None:
        self._subscriptions = subscriptions
        self._database = database
        self._broker = broker_
        # Half of the connections: a flood of events must not keep requests of the same process waiting.
        self._gate = asyncio.Semaphore(max(1, database.pool.max_size // 2))

    async def run(self) -> None:
        await self._broker.keep("consumer", self._session)

    async def _session(self, connection: AbstractConnection) -> None:
        channel = await broker.consumer_channel(connection, PREFETCH)
        queue = await broker.declare_inbox(channel, self._subscriptions.service, self._subscriptions.bindings)
        self._aside = await connection.channel(publisher_confirms=True, on_return_raises=True)
        measuring = asyncio.create_task(self._measure(connection))
        try:
            async with asyncio.TaskGroup() as tasks, queue.iterator() as messages:
                async for message in messages:
                    tasks.create_task(self._settle(message))
        finally:
            measuring.cancel()
        raise ConnectionError("the broker stopped delivering")

    async def _measure(self, connection: AbstractConnection) -> None:
        """Export how much waits, as the broker counts it; what it does not say is not a number."""
        service = self._subscriptions.service
        gauges = {
            f"edustream.{service}": metrics.queue_depth.labels(service),
            f"edustream.{service}.dead": metrics.dead_letters.labels(service),
        }
        try:
            while True:
                for name, gauge in gauges.items():
                    gauge.set(await _depth(connection, name))
                await asyncio.sleep(MEASURED_EVERY)
        finally:
            for gauge in gauges.values():
                gauge.set(math.nan)

    async def _settle(self, message: AbstractIncomingMessage) -> None:
        """Acknowledge, give back or bury one message. Never raises for what the message holds."""
        type_ = message.routing_key  # all that is known of what cannot be read; the queue's name, of what was given back to it
        try:
            envelope = Envelope.model_validate_json(message.body)
            type_ = envelope.type
            if envelope.type in self._subscriptions.kinds:
                async with self._gate:
                    outcome = await self._handle(envelope)
            else:
                outcome = await self._put_off(message, envelope)
        except Unavailable as error:
            await self._until_database_takes_writes()  # an outage, however long, must not use up the message's deliveries
            outcome = await self._give_back(message, type_, error)
        except (ValidationError, Refusal, psycopg.DataError, UnknownEvent) as error:  # will never work
            outcome = await self._bury(message, type_, error)
        except Exception as error:  # may work later; the queue's delivery limit ends it
            outcome = await self._give_back(message, type_, error)
        else:
            await message.ack()  # if this fails, so has the channel: the session starts anew and the inbox knows the event
        metrics.events_handled.labels(self._subscriptions.service, type_, outcome).inc()

    async def _until_database_takes_writes(self) -> None:
        """One that answers may take none: it is a standby now, or somebody made it read-only."""
        while True:
            try:
                async with self._database.transaction() as tx:
                    await tx.run(ACCEPT, event_id=uuid4())
                    raise psycopg.Rollback
                return
            except Unavailable:
                await asyncio.sleep(BACK_OFF[1] * random.uniform(0.1, 0.3))  # noqa: S311  jitter, so that all do not ask at once

    async def _handle(self, envelope: Envelope) -> str:
        context.request_id.set(envelope.requestid)
        context.traceparent.set(tracing.valid(envelope.traceparent))
        with tracing.span(f"process {envelope.type}", "consumer") as span:
            span.note("messaging.system", "rabbitmq")
            span.note("messaging.message.id", str(envelope.id))
            fresh = await self._subscriptions.handle(self._database, envelope)
        if fresh:
            delay = (datetime.now(UTC) - envelope.time).total_seconds()
            metrics.event_delay.labels(self._subscriptions.service).observe(max(delay, 0))
        return "done" if fresh else "repeated"

    async def _put_off(self, message: AbstractIncomingMessage, envelope: Envelope) -> str:
        """Lay aside an event that nobody here knows: while a release is rolled out all workers may be too old for it for minutes.
        Held here, a few hundred of them would keep all others waiting. Raises `UnknownEvent` when it was done too often."""
        times = int(str((message.headers or {}).get(TIMES, 0)))
        if times >= broker.MAX_DELIVERIES:
            raise UnknownEvent(envelope.type)
        log.warning("event_put_off", event_id=message.message_id, type=envelope.type, times=times)
        await broker.send_copy(self._aside, message, broker.later(self._subscriptions.service), {TIMES: times + 1}, PUT_OFF)
        return "put_off"

    async def _bury(self, message: AbstractIncomingMessage, type_: str | None, error: Exception) -> str:
        log.error("event_refused", event_id=message.message_id, type=type_, error=describe(error))
        await message.reject(requeue=False)
        return "dead"

    async def _give_back(self, message: AbstractIncomingMessage, type_: str | None, error: Exception) -> str:
        attempts = int(str((message.headers or {}).get("x-delivery-count", 0)))
        log.warning("event_retried", event_id=message.message_id, type=type_, attempts=attempts, error=describe(error))
        await asyncio.sleep(min(BACK_OFF[0] * 2**attempts, BACK_OFF[1]))
        # reject, not nack: only a reject counts towards the queue's delivery limit.
        await message.reject(requeue=True)
        return "retried"


async def _depth(connection: AbstractConnection, queue: str) -> float:
    """How many messages wait; on a channel of its own, since a question that fails closes it."""
    with contextlib.suppress(AMQPError, OSError, RuntimeError):
        async with connection.channel() as channel:
            return (await channel.get_queue(queue)).declaration_result.message_count or 0
    return math.nan


async def forget_old(database: Database) -> None:
    """Drop inbox rows older than anything that could still be delivered again."""
    await forget_in_batches(database, FORGET)
