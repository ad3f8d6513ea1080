"""The notifications service for its tests: one application per test session, an empty database per test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.services.notifications.mailbox import Mailbox, serving
from tests.services.notifications.stage import Stage


@pytest.fixture(scope="session")
async def running_service(start: Start) -> Harness:
    return await start("notifications")


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service


@pytest.fixture
async def stage(clean_databases: Databases, redis_url: str, amqp_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Hubs and a worker of this test's own; mails are written below `tmp_path`."""
    values = {
        "database_url": clean_databases["notifications"],
        "redis_url": redis_url,
        "amqp_url": amqp_url,
        "data": str(tmp_path),
    }
    async with AsyncExitStack() as stack:
        yield Stage(values, stack)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def smtp(mailbox: Mailbox) -> AsyncIterator[str]:
    async with serving(mailbox) as port:
        yield f"smtp://127.0.0.1:{port}"
