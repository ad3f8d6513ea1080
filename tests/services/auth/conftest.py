"""The auth service for its tests: one application per test session, an empty database per test."""

import pytest

from shared.worker import Runtime
from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start


@pytest.fixture(scope="session")
async def running_service(start: Start) -> Harness:
    return await start("auth")


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    """What a job or command of this service gets."""
    return Runtime(service.app.state.settings, service.database)
