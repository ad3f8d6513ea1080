"""The profiles service for its tests: one application per test session, an empty database per test."""

from collections.abc import AsyncIterator

import pytest

from tests.harness import Harness
from tests.services.conftest import Start


@pytest.fixture(scope="session")
async def running_service(start: Start) -> Harness:
    return await start("profiles")


@pytest.fixture
async def service(running_service: Harness) -> AsyncIterator[Harness]:
    yield running_service
    await running_service.clean()
