"""Commands on the whole system: `python -m shared.cli migrations check | asyncapi [--check] | dead list|show|replay|drop`."""

import argparse
import asyncio
import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import asyncapi, migrations
from shared.dead_letters import UNREACHABLE, DeadLetters, NoQueue
from shared.service import find
from shared.settings import what_is_wrong
from shared.urls import AmqpUrlOrEmpty, DatabaseUrl

log = logging.getLogger(__name__)


class CommandSettings(BaseSettings):
    """What the commands need; servers that are not given are the embedded ones of the tests."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    database_server_url: DatabaseUrl = Field("", validation_alias="DATABASE_SERVER_URL", repr=False)
    amqp_url: AmqpUrlOrEmpty = Field("", validation_alias="AMQP_URL", repr=False)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when a check failed."""
    given = _parser().parse_args(arguments)
    if given.command == "asyncapi":
        return write_asyncapi(check=given.check)
    try:
        settings = CommandSettings()
    except ValidationError as error:
        _say(f"{what_is_wrong(error)} (see .env.example)")
        return 1
    if given.command == "migrations":
        return check_migrations(settings)
    return asyncio.run(dead(given, settings.amqp_url))


def services() -> list[str]:
    """The services there are."""
    return sorted(path.parent.name for path in migrations.SERVICES.glob("*/app.py"))


def check_migrations(settings: CommandSettings) -> int:
    """Migrate an empty database for each service, and compare what came out with its declared tables."""
    wrong = 0
    with _server(settings.database_server_url) as server:
        for service in services():
            with _scratch(server, f"edustream_check_{service}_{os.getpid()}") as url:
                migrations.upgrade(service, url)
                metadata = importlib.import_module(f"services.{service}.tables").metadata
                found = migrations.differences(url, metadata)
            wrong += bool(found)
            _say(f"{service}: {'as declared' if not found else f'differs: {found}'}")
    return min(wrong, 1)


def write_asyncapi(*, check: bool) -> int:
    """Write docs/asyncapi.json, or say whether it is what would be written."""
    text = asyncapi.render(asyncapi.document(find(service).subscriptions for service in services()))
    if not check:
        asyncapi.FILE.write_text(text)
    elif not asyncapi.FILE.exists() or asyncapi.FILE.read_text() != text:
        _say("docs/asyncapi.json is out of date: run `python -m shared.cli asyncapi` and commit it")
        return 1
    return 0


async def dead(given: argparse.Namespace, url: str) -> int:
    """Dead letters of one service, or how many each has."""
    if not url:
        _say("set AMQP_URL: it says which broker is meant")
        return 1
    try:
        async with DeadLetters.at(url) as letters:
            return await _settle(given, letters)
    except NoQueue:
        _say(f"{given.service} has no queue: run its migration, or a worker, first")
        return 1
    except UNREACHABLE as error:
        _say(f"the broker of AMQP_URL ({urlsplit(url).hostname}:{urlsplit(url).port or 5672}) cannot be asked: {error!r}")
        return 1


async def _settle(given: argparse.Namespace, letters: DeadLetters) -> int:
    if given.what == "list":
        for service in services():
            _say(f"{service:14}{await letters.count(service)}")
    elif given.what == "show":
        for letter in await letters.show(given.service, given.limit):
            shown = asdict(letter)
            if not given.data:
                del shown["data"]
            _say(json.dumps(shown))
    else:
        act, words = (letters.replay, f"given back to {given.service}") if given.what == "replay" else (letters.drop, "dropped")
        count = _noted(given, await act(given.service, given.id))
        _say(f"{count} {words}")
        return int(given.id is not None and not count)
    return 0


def _noted(given: argparse.Namespace, count: int) -> int:
    """Leave a line on standard error of what was done to whose letters by whom: no audit log hears of a broker's queues."""
    act = {"event": f"dead_letters_{given.what}", "service": given.service, "id": given.id or "all", "count": count}
    log.warning(json.dumps(act | {"uid": os.getuid(), "timestamp": datetime.now(UTC).isoformat()}))
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    checks = commands.add_parser("migrations", help="compare what the migrations make with the declared tables")
    checks.add_argument("what", choices=["check"])
    documents = commands.add_parser("asyncapi", help="write docs/asyncapi.json")
    documents.add_argument("--check", action="store_true", help="only say whether it is up to date")
    dead = commands.add_parser("dead", help="messages that a service could not handle").add_subparsers(dest="what", required=True)
    dead.add_parser("list", help="how many each service has")
    for name, text in (
        ("show", "the first, without their data"),
        ("replay", "give back to the service"),
        ("drop", "forget"),
    ):
        command = dead.add_parser(name, help=text)
        command.add_argument("service", choices=services())
        if name == "show":
            command.add_argument("--limit", type=int, default=20)
            command.add_argument("--data", action="store_true", help="show their data too: it may be private")
        else:
            which = command.add_mutually_exclusive_group(required=True)
            which.add_argument("--id", help="the event's id")
            which.add_argument("--all", action="store_true")
    return parser


@contextmanager
def _server(given: str) -> Iterator[str]:
    """The URL of a PostgreSQL server: the one given, else the embedded one of the tests."""
    if given:
        yield given
        return
    instance = importlib.import_module("deploy.local.servers").Instance("test")
    with instance.session(keep=True) as urls:
        yield urls.postgres


@contextmanager
def _scratch(server: str, name: str) -> Iterator[str]:
    """An empty database, gone afterwards."""
    url = f"{server.rstrip('/')}/{name}"
    with psycopg.connect(f"{server.rstrip('/')}/postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield url
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
