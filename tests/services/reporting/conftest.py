"""The reporting service for its tests: one application per test session, an empty database per test."""

from collections.abc import Callable

import pytest

from shared.auth import _now
from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.services.reporting.people import NOW


@pytest.fixture(scope="session")
async def running_service(start: Start, new_vhost: Callable[[str], str]) -> Harness:
    """In a vhost apart: a rebuild takes in whatever its stream holds."""
    harness = await start("reporting", amqp_url=new_vhost("reporting"))
    harness.app.dependency_overrides[_now] = lambda: NOW  # a month may end while tests run
    return harness


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service
