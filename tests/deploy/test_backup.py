"""What was backed up is there again after it was lost, and a resync heals the replicas that were lost with nobody's backup."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy import backup
from deploy.local.databases import DatabaseUrls, url_for
from deploy.local.errors import LaunchError
from services.auth.commands import resync
from shared.events.base import Envelope
from shared.migrations import upgrade
from shared.worker import Runtime
from tests.harness import Harness, running
from tests.servers import Servers

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JANE = {"email": "jane@example.com", "password": "password123", "first_name": "Jane", "last_name": "Doe"}
SERVICES = ("auth", "profiles")


@pytest.fixture
def blanks(blank_database: Callable[[str], DatabaseUrls]) -> dict[str, DatabaseUrls]:
    """Databases that no other test's services are connected to."""
    found = {service: blank_database(service) for service in SERVICES}
    for service, urls in found.items():
        upgrade(service, urls.owner)
    return found


@pytest.fixture
def names(blanks: dict[str, DatabaseUrls]) -> dict[str, str]:
    return {service: urls.runtime.rpartition("/")[2] for service, urls in blanks.items()}


@pytest.fixture
async def pair(
    blanks: dict[str, DatabaseUrls], redis_url: str, amqp_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Harness, Harness]]:
    common: dict[str, Any] = {"redis_url": redis_url, "amqp_url": amqp_url, "object_store_url": f"file://{tmp_path}"}
    async with (
        running("auth", database_url=blanks["auth"].runtime, **common) as auth,
        running("profiles", database_url=blanks["profiles"].runtime, **common) as profiles,
    ):
        yield auth, profiles


async def pass_on(auth: Harness, profiles: Harness) -> None:
    """What the relay and the consumer would do."""
    for event in await auth.outbox():
        envelope = Envelope.model_validate(event)
        if envelope.type in profiles.service.subscriptions.kinds:
            await profiles.service.subscriptions.handle(profiles.database, envelope)


async def known(profiles: Harness) -> list[str]:
    async with profiles.database.reading() as tx:
        return [row["first_name"] for row in await tx.rows("SELECT first_name FROM accounts")]


async def test_what_was_lost_is_there_again_and_a_resync_heals_the_replicas(
    pair: tuple[Harness, Harness], names: dict[str, str], servers: Servers, tmp_path: Path
) -> None:
    auth, profiles = pair
    server = backup.at(servers.postgres)
    async with auth.client() as client:
        assert (await client.post("/auth/register", json=JANE)).status_code == 201
    await pass_on(auth, profiles)
    assert await known(profiles) == ["Jane"]

    file = backup.back_up(server, names, tmp_path / "backups", NOW)
    for service in SERVICES:
        with psycopg.connect(url_for(servers.postgres, names[service])) as connection:
            connection.execute("TRUNCATE accounts, outbox CASCADE")
    backup.restore(server, names, file)

    assert (file.name, file.stat().st_mode & 0o077) == ("edustream-20260102T030405Z.tar", 0)
    async with auth.client() as client:  # on the pools of before: the runtime role may still read and write
        assert (await client.post("/auth/login", json={k: JANE[k] for k in ("email", "password")})).status_code == 200
    assert await known(profiles) == ["Jane"]

    async with profiles.database.transaction() as tx:
        await tx.run("DELETE FROM accounts")
    await resync(Runtime(auth.app.state.settings, auth.database))
    await pass_on(auth, profiles)
    assert await known(profiles) == ["Jane"]


async def test_a_backup_that_lacks_a_database_changes_nothing(
    pair: tuple[Harness, Harness], names: dict[str, str], servers: Servers, tmp_path: Path
) -> None:
    auth, profiles = pair
    server = backup.at(servers.postgres)
    file = backup.back_up(server, {"auth": names["auth"]}, tmp_path, NOW)
    async with auth.client() as client:
        assert (await client.post("/auth/register", json=JANE)).status_code == 201
    await pass_on(auth, profiles)

    with pytest.raises(LaunchError, match="no backup of profiles"):
        backup.restore(server, names, file)
    assert await known(profiles) == ["Jane"]


def test_a_failing_program_says_why(servers: Servers) -> None:
    with pytest.raises(LaunchError, match=r"psql failed: .*nonsense"):
        backup.at(servers.postgres).sql("nonsense")
