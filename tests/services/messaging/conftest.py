"""The messaging service for its tests: one application per test session, an empty database per test."""

from collections.abc import AsyncIterator

import pytest

from tests.harness import INTERNAL_TOKEN, Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.services.messaging.owners import Owners, serving


@pytest.fixture(scope="session")
async def neighbourhood() -> AsyncIterator[Owners]:
    async with serving(Owners(INTERNAL_TOKEN)) as owners:
        yield owners


@pytest.fixture(scope="session")
async def running_service(start: Start, neighbourhood: Owners) -> Harness:
    return await start("messaging", auth_url=neighbourhood.url, bookings_url=neighbourhood.url)


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service


@pytest.fixture
async def owners(neighbourhood: Owners) -> AsyncIterator[Owners]:
    """The services that own accounts and bookings, knowing nothing at first."""
    neighbourhood.forget()
    yield neighbourhood
    neighbourhood.forget()
