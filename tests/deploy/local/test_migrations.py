"""Migrations as the launcher runs them: processes that end with it."""

import asyncio
import contextlib
from pathlib import Path

from deploy.local.databases import DatabaseUrls
from deploy.local.migrations import migrate_one
from deploy.local.ports import LOOPBACK
from deploy.local.processes import GATEWAY, SERVICES, Deployment
from tests.harness import INTERNAL_TOKEN, PRIVATE_KEY


async def test_a_migration_ends_when_the_launcher_is_told_to_stop(tmp_path: Path) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def database(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes a connection, says nothing, and sees whether it is still there."""
        began.set()
        while await reader.read(100):
            pass
        ended.set()
        writer.close()

    async with await asyncio.start_server(database, LOOPBACK, 0) as server:
        url = f"postgresql://auth:secret@{LOOPBACK}:{server.sockets[0].getsockname()[1]}/auth"
        deployment = Deployment(
            directory=tmp_path,
            data=tmp_path,
            ports=dict.fromkeys((*SERVICES, GATEWAY), 1),
            databases={name: DatabaseUrls(url, url) for name in SERVICES},
            redis_url="redis://unused",
            amqp_url="amqp://unused",
            internal_token=INTERNAL_TOKEN,
            jwt_private_key=PRIVATE_KEY,
        )
        migration = asyncio.create_task(migrate_one(deployment, "auth", asyncio.Semaphore()))
        await asyncio.wait_for(began.wait(), 30)

        migration.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await migration
        await asyncio.wait_for(ended.wait(), 5)
