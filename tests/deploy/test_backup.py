"""What was backed up is there again after it was lost, and a resync heals the replicas that were lost with nobody's backup."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy import backup
from deploy.local import development
from deploy.local.databases import DatabaseUrls, url_for
from deploy.local.errors import LaunchError
from deploy.local.lifetime import Registry
from deploy.local.place import only_one
from deploy.local.processes import SERVICES as ALL
from deploy.local.servers import Instance
from services.auth.commands import resync
from shared.events.base import Envelope
from shared.migrations import upgrade
from shared.worker import Runtime
from tests.harness import Harness, running
from tests.servers import Servers

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JANE = {"email": "jane@example.com", "password": "password123", "first_name": "Jane", "last_name": "Doe"}
SERVICES = ("auth", "profiles")
WHOLE = {service: [service] for service in ALL}
LOST = {service: ["lost"] for service in ALL}


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


@pytest.fixture
def installation(
    servers: Servers, admin: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    """The instance of `make run`, with all six databases, on the tests' servers."""
    if servers.broker != "embedded" or "DATABASE_SERVER_URL" in os.environ:
        pytest.skip("these servers are somebody's, and may have databases of these names")
    urls = {"DATABASE_SERVER_URL": servers.postgres, "REDIS_URL": servers.redis, "AMQP_URL": servers.amqp}
    for name, value in {**urls, "EDUSTREAM_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    instance = Instance("dev")
    databases = development.prepare_databases(instance)
    for service, of in databases.items():
        with psycopg.connect(of.owner) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS things (name text)")
            connection.execute("TRUNCATE things")
            connection.execute("INSERT INTO things VALUES (%s)", (service,))
    yield instance
    for service in databases:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(f"edustream_{service}")))


def things(servers: Servers) -> dict[str, list[str]]:
    found = {}
    for service in ALL:
        with psycopg.connect(url_for(servers.postgres, f"edustream_{service}")) as connection:
            found[service] = [row[0] for row in connection.execute("SELECT name FROM things")]
    return found


def lose(servers: Servers) -> None:
    for service in ALL:
        with psycopg.connect(url_for(servers.postgres, f"edustream_{service}")) as connection:
            connection.execute("UPDATE things SET name = 'lost'")


def test_the_two_commands_bring_all_databases_back_but_not_under_services_that_run(
    installation: Instance, servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backup.main(["backup", "--to", str(tmp_path / "backups")]) == 0
    (file,) = (tmp_path / "backups").iterdir()
    lose(servers)

    Registry(installation.directory / "services.json").record("gateway", os.getpid())
    assert backup.main(["restore", str(file)]) == 1
    assert "EduStream runs (gateway)" in capsys.readouterr().err
    assert things(servers) == LOST

    Registry(installation.directory / "services.json").forget("gateway")
    with only_one(installation.directory):  # it starts: no service is up yet
        assert backup.main(["restore", str(file)]) == 1
    assert "EduStream runs (make run)" in capsys.readouterr().err
    assert things(servers) == LOST

    Registry(installation.directory / "services.json").record("gateway", os.getpid())
    with psycopg.connect(url_for(servers.postgres, "edustream_auth")) as somebody:
        somebody.execute("SELECT 1")
        assert backup.main(["restore", str(file), "--force"]) == 0
        with pytest.raises(psycopg.OperationalError):
            somebody.execute("SELECT 1")
    assert things(servers) == WHOLE


def test_what_cannot_be_restored_at_the_last_moment_leaves_everything_as_it_was(
    installation: Instance, servers: Servers, admin: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backup.main(["backup", "--to", str(tmp_path / "backups")]) == 0
    (file,) = (tmp_path / "backups").iterdir()
    lose(servers)
    said = backup.Server.sql

    def stumbles(server: backup.Server, statements: str) -> str:
        return said(server, statements.replace("COMMIT;", "ALTER DATABASE nowhere RENAME TO elsewhere;\nCOMMIT;"))

    monkeypatch.setattr(backup.Server, "sql", stumbles)
    assert backup.main(["restore", str(file)]) == 1
    assert things(servers) == LOST

    monkeypatch.undo()
    backup.restore(backup.at(servers.postgres), {service: f"edustream_{service}" for service in WHOLE}, file)
    assert things(servers) == WHOLE
    left = admin.execute(r"SELECT datname FROM pg_database WHERE datname ~ '^edustream_.*_(restored|replaced)$'").fetchall()
    assert left == []


@pytest.mark.parametrize("words", [["backup"], ["restore", __file__]])
@pytest.mark.parametrize("on", ["local", "compose"])
def test_a_database_that_is_elsewhere_is_named_and_nothing_is_written(
    on: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOOKINGS_DATABASE_URL", "postgresql://bookings:secret@elsewhere/bookings")

    assert backup.main(["--on", on, *words]) == 1

    said = capsys.readouterr().err
    assert said.startswith("edustream: BOOKINGS_DATABASE_URL is set: ")
    assert "secret" not in said


def test_a_file_that_is_not_there_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert backup.main(["restore", "nothing.tar"]) == 1
    assert "Name the file to restore" in capsys.readouterr().err
