"""Outbox: events are rows of the transaction they belong to; one relay per service publishes and then deletes them."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from shared import logs, metrics, tracing
from shared.broker import Broker, Publisher, Unroutable
from shared.db import LIFELINE, Database, Tx
from shared.events.base import REGISTRY, Event

BATCH = 500  # rows published at once
POLL = 1.0  # seconds between looks when no notification came
BACK_OFF = (1.0, 30.0)  # seconds before events that no queue took are published again: first, most
CHANNEL = "outbox"

log = logs.get(__name__)

INSERT = """
WITH written AS (
  INSERT INTO outbox (event_id, exchange, routing_key, body)
  SELECT * FROM unnest(%(ids)s::uuid[], %(exchanges)s::text[], %(keys)s::text[], %(bodies)s::bytea[])
)
SELECT pg_notify('outbox', '')
"""
LOCK = "SELECT pg_try_advisory_lock(hashtext('outbox relay'))"
# FOR UPDATE, which a database that takes no writes refuses: what could not be deleted would be published again and again.
TAKE = """
SELECT position, event_id, exchange, routing_key, body FROM outbox
WHERE routing_key <> ALL(%(held)s::text[]) ORDER BY position LIMIT %(batch)s FOR UPDATE
"""
DELETE = "DELETE FROM outbox WHERE position = ANY(%(positions)s::bigint[])"
DEPTH = """
SELECT count(*) AS depth, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS age
FROM (SELECT created_at FROM outbox ORDER BY position LIMIT 10000) AS oldest
"""


async def publish(tx: Tx, *events: Event) -> None:
    """Write events into the outbox: they leave if, and only if, the transaction commits."""
    if events:
        await tx.run(
            INSERT,
            ids=[e.event_id for e in events],
            exchanges=[e.exchange for e in events],
            keys=[e.type for e in events],
            bodies=[e.to_json() for e in events],
        )


class Unheard:
    """Types of events that no queue takes at present. They stay in the outbox, and are tried again ever later: or a batch of them
    at its head would be all that is ever taken."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, float]] = {}  # type → seconds it waits, and until when

    def held(self) -> list[str]:
        """Those whose time has not come."""
        now = time.monotonic()
        return [type_ for type_, (_, until) in self._held.items() if until > now]

    def hold(self, type_: str) -> float:
        """How many seconds it waits from now on."""
        pause, _ = self._held.get(type_, (0.0, 0.0))
        pause = min(pause * 2 or BACK_OFF[0], BACK_OFF[1])
        self._held[type_] = pause, time.monotonic() + pause
        return pause

    def release(self, types: Iterable[str]) -> None:
        for type_ in types:
            self._held.pop(type_, None)


class Relay:
    """Carries the outbox of one database to the broker. Several may run: an advisory lock lets one work at a time."""

    def __init__(self, database_url: str, broker: Broker, service: str) -> None:
        self._url = database_url
        self._broker = broker
        self._service = service
        self._unheard = Unheard()

    async def run(self) -> None:
        """Relay for ever; connection failures of either side are waited out."""
        await self._broker.keep("relay", self._session)

    async def _session(self, connection: Any) -> None:
        publisher = await Publisher.on(connection)
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, application_name=f"{self._service} relay", row_factory=tuple_row, **LIFELINE
        ) as database:
            await self._become_leader(database)
            await database.execute("LISTEN outbox")
            while True:
                if await self._flush(database, publisher) < BATCH:
                    await self._wait(database)

    async def _become_leader(self, database: psycopg.AsyncConnection[Any]) -> None:
        while True:
            row = await (await database.execute(LOCK)).fetchone()
            if row and row[0]:
                return
            await asyncio.sleep(POLL)

    async def _flush(self, database: psycopg.AsyncConnection[Any], publisher: Publisher) -> int:
        rows = await (await database.execute(TAKE, {"batch": BATCH, "held": self._unheard.held()})).fetchall()
        if rows:
            # Together, so that a batch costs one wait for confirms; a row whose publishing fails stays and is taken again.
            sent = await asyncio.gather(*(_send(publisher, *row[1:]) for row in rows), return_exceptions=True)
            done = [row for row, result in zip(rows, sent, strict=True) if not isinstance(result, BaseException)]
            await database.execute(DELETE, {"positions": [row[0] for row in done]})
            metrics.events_published.labels(self._service).inc(len(done))
            self._unheard.release({row[3] for row in done})
            self._hold(row[3] for row, result in zip(rows, sent, strict=True) if isinstance(result, Unroutable))
            for failure in sent:
                if isinstance(failure, BaseException) and not isinstance(failure, Unroutable):
                    raise failure
        return len(rows)

    def _hold(self, returned: Iterable[str]) -> None:
        for type_, count in Counter(returned).items():
            metrics.events_unroutable.labels(self._service, type_).inc(count)
            log.warning("events_unroutable", type=type_, count=count, again_in=self._unheard.hold(type_))

    async def _wait(self, database: psycopg.AsyncConnection[Any]) -> None:
        async for _ in database.notifies(timeout=POLL, stop_after=1):
            pass


async def measure(database: Database, service: str) -> None:
    """Export what waits. Not by the relay: it is when that has no broker, or hangs, that somebody has to know."""
    async with database.reading() as tx:
        depth, age = await (await tx.connection.execute(DEPTH)).fetchone() or (0, 0.0)
    metrics.outbox_depth.labels(service).set(depth)
    metrics.outbox_age.labels(service).set(age)


async def _send(publisher: Publisher, event_id: UUID, exchange: str, routing_key: str, body: bytes) -> None:
    kind = REGISTRY.get(routing_key)
    mandatory = kind is None or not kind.live_only
    if tracing.spans():
        with tracing.span(f"publish {routing_key}", "producer", json.loads(body).get("traceparent")) as span:
            span.note("messaging.system", "rabbitmq")
            span.note("messaging.message.id", str(event_id))
            await publisher.send(event_id, exchange, routing_key, body, mandatory=mandatory)
    else:
        await publisher.send(event_id, exchange, routing_key, body, mandatory=mandatory)
