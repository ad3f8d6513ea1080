"""The profiles service for its tests, beside a real auth service that it can ask; an empty database per test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn

from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.waiting import eventually


@dataclass
class Auth:
    """An auth service that listens."""

    harness: Harness
    url: str


@pytest.fixture(scope="session")
async def listening_auth(start: Start) -> AsyncIterator[Auth]:
    harness = await start("auth")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(harness.app, lifespan="off", log_config=None, ws="none"))
        task = asyncio.create_task(server.serve([listener]))

        async def started() -> bool:
            return server.started

        await eventually(started)
        yield Auth(harness, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture(scope="session")
async def running_service(start: Start, listening_auth: Auth) -> Harness:
    return await start("profiles", auth_url=listening_auth.url)


@pytest.fixture(scope="session")
async def running_alone(start: Start) -> Harness:
    """The same service where auth cannot be reached."""
    return await start("profiles", auth_url="http://127.0.0.1:9")


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service


@pytest.fixture
def alone(running_alone: Harness, clean_databases: Databases) -> Harness:
    return running_alone


@pytest.fixture
def auth(listening_auth: Auth, clean_databases: Databases) -> Harness:
    return listening_auth.harness
