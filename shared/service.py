"""A service, declared in one place, and the command line that runs it: `python -m services.<name> api|worker|migrate|all`."""

import argparse
import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from aio_pika.exceptions import AMQPError
from fastapi import APIRouter, FastAPI

from shared import logs, tracing
from shared.broker import Broker
from shared.db import Database
from shared.http import create_app
from shared.inbox import Subscriptions
from shared.lasting import background
from shared.revocations import Follower
from shared.server import Server
from shared.settings import ServiceSettings, load
from shared.tokens import TokenVerifier, keys_at
from shared.worker import Job, Runtime, work

log = logs.get(__name__)
Setup = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Command = Callable[[Runtime], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """Everything that makes a service. `setup` opens what its routes need besides (and puts it into `app.state`); `prepare` runs
    after migrations (seeds, first admin); `commands` are further words of its command line; `server` are settings of uvicorn."""

    name: str
    routers: tuple[APIRouter, ...]
    subscriptions: Subscriptions
    settings: type[ServiceSettings] = ServiceSettings
    jobs: Sequence[Job] = ()
    setup: Setup | None = None
    prepare: Command | None = None
    commands: dict[str, Command] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)


def build(service: Service, settings: ServiceSettings, *, api: bool = True, worker: bool = False) -> FastAPI:
    """The ASGI application: with the routes if `api`, doing the background work if `worker`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            database = app.state.database = Database(settings.database_url, settings.database_pool, service.name)
            await database.open()
            stack.push_async_callback(database.close)
            if api:
                app.state.tokens = TokenVerifier(keys_at(settings.auth_url))
                broker = Broker(settings.amqp_url, service.name)
                follower = Follower(app.state.tokens.revocations, broker, settings.redis_url)
                await stack.enter_async_context(background(follower.run()))
            if service.setup:
                await stack.enter_async_context(service.setup(app))
            if api:
                stack.callback(asyncio.ensure_future(app.state.tokens.prepare()).cancel)
            if worker:
                runtime = Runtime(settings, database)
                await stack.enter_async_context(background(work(runtime, service.subscriptions, service.jobs)))
            yield

    return create_app(settings, service.routers if api else (), lifespan)


def main(service: Service) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service.name}")
    parser.add_argument("command", choices=["api", "worker", "all", "migrate", *service.commands])
    command = parser.parse_args().command
    settings = load(service.settings, service.name)
    logs.configure(service.name, settings.log_level)
    if command == "migrate":
        migrate(service, settings)
    elif command in service.commands:
        asyncio.run(run_command(service.commands[command], settings))
    else:
        tracing.begin(service.name, settings.otlp_endpoint)
        app = build(service, settings, api=command in ("api", "all"), worker=command in ("worker", "all"))
        serve(app, settings, service.server)


def migrate(service: Service, settings: ServiceSettings) -> None:
    from shared import migrations  # Alembic and SQLAlchemy: a fifth of a service's start, and only this command needs them

    migrations.upgrade(service.name, settings.migration_database_url)
    asyncio.run(declare_queue(service, settings))
    if service.prepare:
        asyncio.run(run_command(service.prepare, settings))
    log.info("migrated")


async def declare_queue(service: Service, settings: ServiceSettings) -> None:
    """Make the service's queue before anybody starts: what the others say until its first worker is up is then kept for it.
    Without a broker migrations go on; the first worker will declare it."""
    try:
        await Broker(settings.amqp_url, service.name).declare_inbox(service.name, service.subscriptions.bindings)
    except (OSError, AMQPError) as error:
        log.warning("queue_not_declared", error=repr(error))


def serve(app: FastAPI, settings: ServiceSettings, options: dict[str, Any]) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        **options,
    )
    Server(config).run()


async def run_command(command: Command, settings: ServiceSettings) -> None:
    """Run one of a service's commands (or its `prepare`) with a small pool of its own."""
    database = Database(settings.database_url, 2, settings.service)
    await database.open()
    try:
        await command(Runtime(settings, database))
    finally:
        await database.close()


def find(name: str) -> Service:
    """The declared service called `name`."""
    service: Service = importlib.import_module(f"services.{name}.app").service
    return service
