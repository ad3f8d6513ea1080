"""What the gateway refuses for every endpoint: too many requests, and what it has no service for."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local import ports
from deploy.local.suite import Suite
from gateway.routes import SERVICES
from tests.clients import plain_client
from tests.contracts.examples import ENDPOINTS, placed
from tests.contracts.openapi import Judge
from tests.contracts.shapes import problems
from tests.e2e.gateways import another_gateway
from tests.e2e.scenario import Scenario

OWN = "GET /health"
AT_HOME = ("/auth", "/api/users", "/api/admin/users", "/api/audit", "/health")
LIMITS = [("POST /auth/register", 5), ("POST /auth/login", 10), ("GET /api/utils/countries", 100)]
PROBLEM = {"detail": "<text>", "code": "<text>"}


@pytest.fixture(scope="module")
async def spent(suite: Suite) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, int]]]:
    """A client who has used up all of the documented limits, and how many requests of each kind were let through."""
    limits = {f"EDUSTREAM_RATE_LIMIT_{name}": rate for name, rate in
              (("REGISTER", "5/minute"), ("LOGIN", "10/minute"), ("DEFAULT", "100/minute"))}  # fmt: skip
    async with another_gateway(suite.deployment, **limits) as url, plain_client(base_url=url) as client:
        passed = {}
        for endpoint, limit in LIMITS:
            answers = [await client.request(*placed(endpoint, 1)) for _ in range(limit + 1)]
            passed[endpoint] = sum(answer.status_code != 429 for answer in answers)
        yield client, passed


@pytest.mark.parametrize(("endpoint", "limit"), LIMITS)
def test_as_many_requests_pass_as_the_reference_says(
    spent: tuple[httpx.AsyncClient, dict[str, int]], endpoint: str, limit: int
) -> None:
    assert spent[1][endpoint] == limit


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint != OWN])
async def test_one_request_too_many_is_refused(
    spent: tuple[httpx.AsyncClient, dict[str, int]], judge: Judge, endpoint: str
) -> None:
    answer = await spent[0].request(*placed(endpoint, 1))

    assert answer.status_code == 429
    assert problems(PROBLEM, answer.json()) == []
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert judge.differences(endpoint, answer) == []


@pytest.fixture(scope="module")
async def cut_off(suite: Suite, scenario: Scenario) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator at a gateway that reaches auth's keys, and no other service."""
    nowhere = {f"{name.upper()}_URL": f"http://127.0.0.1:{ports.choose()}" for name in SERVICES if name != "auth"}
    headers = {"Authorization": f"Bearer {scenario.admin.token}"}
    async with (
        another_gateway(suite.deployment, **nowhere) as url,
        plain_client(base_url=url, headers=headers) as client,
    ):
        yield client


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if not e.split()[1].startswith(AT_HOME)])
async def test_a_service_that_is_away_is_said_to_be_away(cut_off: httpx.AsyncClient, judge: Judge, endpoint: str) -> None:
    answer = await cut_off.request(*placed(endpoint, 1))

    assert answer.status_code == 503
    assert problems(PROBLEM, answer.json()) == []
    assert int(answer.headers["retry-after"]) >= 1
    assert judge.differences(endpoint, answer) == []


async def test_health_says_that_not_all_is_well(cut_off: httpx.AsyncClient, judge: Judge) -> None:
    answer = await cut_off.get("/health")

    assert answer.status_code == 503
    shape = {"status": "unhealthy", "timestamp": "<now>", "database": "<text>", "error": "<text>"}
    assert problems(shape, answer.json()) == []
    assert judge.differences(OWN, answer) == []
