"""An owner for replicas to be compared with: a service of one table, and the way of its events to whoever is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import psycopg
import sqlalchemy as sa

from shared import integrity, migrations, tables
from shared.db import Tx
from shared.events.auth import UserSnapshot
from shared.events.base import Envelope
from shared.events.profiles import SubjectChanged
from shared.inbox import Subscriptions
from shared.integrity import Owned
from shared.outbox import publish
from shared.service import Service, build
from shared.settings import ServiceSettings
from tests.harness import INTERNAL_TOKEN, Harness
from tests.services.reporting.people import NOW, user

TABLES = """
CREATE TABLE people (id bigint PRIMARY KEY, version bigint NOT NULL DEFAULT 1, role text NOT NULL DEFAULT 'student',
  first_name text NOT NULL DEFAULT 'Ann', deleted_at timestamptz);
CREATE TABLE topics (id bigint PRIMARY KEY, version bigint NOT NULL DEFAULT 1, name text NOT NULL DEFAULT 'Art')
"""


async def resend(tx: Tx, ids: list[int]) -> None:
    rows = await tx.rows("SELECT id, version, role, first_name, deleted_at FROM people WHERE id = ANY(%(ids)s)", ids=ids)
    await publish(tx, *(snapshot(**row) for row in rows))


async def resend_topics(tx: Tx, ids: list[int]) -> None:
    rows = await tx.rows("SELECT id, version, name FROM topics WHERE id = ANY(%(ids)s)", ids=ids)
    await publish(tx, *(topic(**row) for row in rows))


def topic(id: int, version: int = 1, name: str = "Art", *, deleted: bool = False) -> SubjectChanged:
    return SubjectChanged(subject_id=id, version=version, name=name, category=None, deleted=deleted)


def snapshot(id: int, role: str, **fields: Any) -> UserSnapshot:
    found: UserSnapshot = user(id, role, UserSnapshot, created_at=NOW, **fields)
    return found


class Owner:
    """The running service that owns the people (and the topics, where profiles is asked at it)."""

    def __init__(self, harness: Harness, url: str) -> None:
        self.harness = harness
        self._url = url

    def run(self, sql: str, *params: Any) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql, params)

    @asynccontextmanager
    async def heard_by(self, subscriber: Harness, at_once: int = 100, every: float = 0.01) -> AsyncIterator[None]:
        """While inside, what the owner says reaches the subscriber, as through a broker: so many events every so many seconds."""

        async def carry() -> None:
            while True:
                async with self.harness.database.transaction() as tx:
                    rows = await tx.rows(
                        """DELETE FROM outbox WHERE position IN (SELECT position FROM outbox LIMIT %(at_once)s)
                        RETURNING body""",
                        at_once=at_once,
                    )
                for row in rows:
                    envelope = Envelope.model_validate_json(bytes(row["body"]))
                    await subscriber.service.subscriptions.handle(subscriber.database, envelope)
                await asyncio.sleep(every)

        carrying = asyncio.ensure_future(carry())
        yield
        carrying.cancel()
        with suppress(asyncio.CancelledError):
            await carrying

    def client(self) -> httpx.AsyncClient:
        return self.harness.internal()


@asynccontextmanager
async def running_owner(url: str, amqp_url: str, redis_url: str) -> AsyncIterator[Owner]:
    """In the empty database at `url`."""
    metadata = sa.MetaData()
    tables.add_to(metadata)
    metadata.create_all(migrations.engine(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
    fields = {"role": "role", "first_name": "first_name", "deleted_at": "deleted_at"}
    owned = Owned("user", "people", resend, fields=fields), Owned("subject", "topics", resend_topics, fields={"name": "name"})
    service = Service("auth", (integrity.router(owned=owned),), Subscriptions("auth"))
    values: dict[str, Any] = {"env": "local", "internal_token": INTERNAL_TOKEN, "amqp_url": amqp_url, "redis_url": redis_url}
    app = build(service, ServiceSettings(_env_file=None, service="auth", database_url=url, **values))
    async with app.router.lifespan_context(app):
        yield Owner(Harness(service, app), url)
