"""`start` runs a service for the whole test session; each service's folder wraps it in a fixture called `service`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Harness, running

Start = Callable[..., Awaitable[Harness]]


@pytest.fixture(scope="session")
async def start(
    databases: dict[str, str], redis_url: str, amqp_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Start]:
    objects: Path = tmp_path_factory.mktemp("objects")
    async with AsyncExitStack() as stack:

        async def start_one(name: str, **values: Any) -> Harness:
            values = {
                "database_url": databases[name],
                "redis_url": redis_url,
                "amqp_url": amqp_url,
                "object_store_url": f"file://{objects}",
            } | values
            return await stack.enter_async_context(running(name, **values))

        yield start_one
