"""What services answer through the gateway when their database is broken: at first it is empty, then it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx
import pytest

from gateway.routes import SERVICES
from services.auth import keyring
from shared.tokens import TokenVerifier
from tests.clients import plain_client
from tests.contracts.refused import WITHOUT_DATABASE, documenting, some
from tests.e2e.authorisation.samples import sample, target, who_may
from tests.gateway.conftest import StartGateway
from tests.gateway.keys import JWKS, token
from tests.gateway.standin import Exchange, StandIn
from tests.gateway.test_refusals import assert_refused, in_front_of
from tests.harness import Harness, running
from tests.servers import Databases

HOPS = {"host", "connection", "content-length", "transfer-encoding"}

FAILING = some(500, "internal_error", [e for e in documenting(500, "internal_error") if e not in WITHOUT_DATABASE])
UNAVAILABLE = some(503, "unavailable", [e for e in documenting(503, "unavailable") if e not in WITHOUT_DATABASE])


@pytest.fixture(scope="module")
async def services(
    databases: Databases, redis_url: str, amqp_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Harness]]:
    """The real ones, on a database without a table."""
    values = {"database_url": databases.blank("auth").runtime, "redis_url": redis_url, "amqp_url": amqp_url}
    values["object_store_url"] = f"file://{tmp_path_factory.mktemp('objects')}"
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(keyring, "LOOK_AGAIN", 0.0)
        found = {name: await stack.enter_async_context(running(name, **values)) for name in SERVICES}
        for harness in found.values():
            harness.app.state.tokens = TokenVerifier(keys, harness.app.state.tokens.revocations)
        yield found


async def keys() -> dict[str, Any]:
    return JWKS


@pytest.fixture(scope="module")
async def gateway(services: dict[str, Harness], start_lasting_gateway: StartGateway) -> AsyncIterator[str]:
    """The address of a gateway in front of them."""
    doors = {name: await StandIn(name).start() for name in SERVICES}
    running = await in_front_of(doors, start_lasting_gateway)
    for name, door in doors.items():
        door.otherwise = partial(pass_on, services[name].client())
    yield running.url
    for door in doors.values():
        await door.stop()


async def pass_on(service: httpx.AsyncClient, exchange: Exchange) -> None:
    seen = exchange.seen
    headers = [(name, value) for name, value in seen.headers if name not in HOPS]
    answer = await service.request(seen.method, seen.target, headers=headers, content=await exchange.read_body())
    further = [f"{name}: {value}" for name, value in answer.headers.items() if name not in HOPS | {"content-type"}]
    await exchange.answer(f"{answer.status_code} Here", answer.content, *further)


async def test_what_nobody_expected_is_told_without_telling_anything(gateway: str) -> None:
    """Their database has no tables."""
    answers = await asked(gateway, FAILING)

    assert_refused(answers, 500, "internal_error")
    assert [e for e, a in answers.items() if "relation" in a.text] == []


async def test_who_needs_a_database_that_is_gone_is_told_to_come_again(gateway: str, services: dict[str, Harness]) -> None:
    for service in services.values():
        await service.database.close()

    assert_refused(await asked(gateway, UNAVAILABLE), 503, "unavailable")


async def asked(gateway: str, endpoints: list[str]) -> dict[str, httpx.Response]:
    """What each answers to somebody who may."""
    few = asyncio.Semaphore(8)
    async with plain_client(base_url=gateway, timeout=30) as client:

        async def ask(endpoint: str) -> tuple[str, httpx.Response]:
            headers = {"Authorization": f"Bearer {token(1, who_may(endpoint))}"}
            async with few:
                return endpoint, await client.request(*target(endpoint, 2), headers=headers, **sample(endpoint))

        return dict(await asyncio.gather(*map(ask, endpoints)))
