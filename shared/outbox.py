"""Outbox: events are rows of the transaction they belong to; one relay per service publishes and then deletes them."""

import asyncio
import json
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from shared import metrics, tracing
from shared.broker import Broker, Publisher
from shared.db import LIFELINE, Database, Tx
from shared.events.base import Event

BATCH = 500  # rows published at once
POLL = 1.0  # seconds between looks when no notification came
CHANNEL = "outbox"

INSERT = """
WITH written AS (
  INSERT INTO outbox (event_id, exchange, routing_key, body)
  SELECT * FROM unnest(%(ids)s::uuid[], %(exchanges)s::text[], %(keys)s::text[], %(bodies)s::bytea[])
)
SELECT pg_notify('outbox', '')
"""
LOCK = "SELECT pg_try_advisory_lock(hashtext('outbox relay'))"
TAKE = "SELECT position, event_id, exchange, routing_key, body FROM outbox ORDER BY position LIMIT %(batch)s"
DELETE = "DELETE FROM outbox WHERE position = ANY(%(positions)s::bigint[])"
DEPTH = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float
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


class Relay:
    """Carries the outbox of one database to the broker. Several may run: an advisory lock lets one work at a time."""

    def __init__(self, database_url: str, broker: Broker, service: str) -> None:
        self._url = database_url
        self._broker = broker
        self._service = service

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
        rows = await (await database.execute(TAKE, {"batch": BATCH})).fetchall()
        if rows:
            # Together, so that a batch costs one wait for confirms; a row whose publishing fails stays and is taken again.
            sent = await asyncio.gather(*(_send(publisher, *row[1:]) for row in rows), return_exceptions=True)
            done = [row[0] for row, result in zip(rows, sent, strict=True) if not isinstance(result, BaseException)]
            await database.execute(DELETE, {"positions": done})
            metrics.events_published.labels(self._service).inc(len(done))
            for failure in sent:
                if isinstance(failure, BaseException):
                    raise failure
        return len(rows)

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
    if tracing.spans():
        with tracing.span(f"publish {routing_key}", "producer", json.loads(body).get("traceparent")) as span:
            span.note("messaging.system", "rabbitmq")
            span.note("messaging.message.id", str(event_id))
            await publisher.send(event_id, exchange, routing_key, body)
    else:
        await publisher.send(event_id, exchange, routing_key, body)
