"""The reporting service for its tests: one application per test session, an empty database per test."""

from collections.abc import Callable

import pytest

from services.reporting import integrity
from services.reporting.integrity import comparing
from shared.auth import _now
from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start
from tests.services.reporting.people import NOW
from tests.services.reporting.platform import SERVICES, Platform, populate


@pytest.fixture(scope="session")
async def running_service(start: Start, new_vhost: Callable[[str], str]) -> Harness:
    """In a vhost apart: a rebuild takes in whatever its stream holds."""
    harness = await start("reporting", amqp_url=new_vhost("reporting"))
    harness.app.dependency_overrides[_now] = lambda: NOW  # a month may end while tests run
    return harness


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service


@pytest.fixture(scope="session")
async def others(start: Start) -> dict[str, Harness]:
    return {name: await start(name) for name in SERVICES if name != "reporting"}


@pytest.fixture
async def platform(
    others: dict[str, Harness], service: Harness, clean_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    services = others | {"reporting": service}
    for name, harness in services.items():
        monkeypatch.setitem(service.app.state.peers.clients, name, harness.internal())
    monkeypatch.setattr(comparing, "GRACE", 0.3)
    monkeypatch.setattr(comparing, "HEALING", 30.0)  # six services share this process
    monkeypatch.setattr(comparing, "LOOK", 1.0)
    monkeypatch.setattr(integrity, "PATIENCE", 120.0)
    platform = Platform(services)
    await populate(platform)
    return platform
