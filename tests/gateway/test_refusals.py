"""What the gateway itself refuses, of every operation that the document says it of."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest

from deploy.local import ports
from gateway.routes import SERVICES, UPLOAD
from gateway.upstream.pool import MOST
from tests.contracts.examples import placed
from tests.contracts.refused import KEPT, every, some
from tests.contracts.shapes import problems
from tests.gateway import raw
from tests.gateway.conftest import Running, Services, StartGateway, Valkey
from tests.gateway.keys import token
from tests.gateway.standin import Exchange, Handler, StandIn
from tests.waiting import eventually

BEARER = f"Authorization: Bearer {token(1)}"
LIMITS = [("POST /auth/register", 5), ("POST /auth/login", 10), ("GET /api/utils/countries", 100)]
OPERATIONS = [endpoint for endpoint in KEPT.operations if endpoint != "GET /health"]
OPEN = {endpoint for endpoint in OPERATIONS if not KEPT.operation(endpoint)["security"]}
ONE_OF = ["/auth/me", "/api/subjects", "/api/packages", "/api/messages/threads", "/api/notifications", "/api/audit/logs"]
"""A path of each service."""

CROOKED = every(400, "bad_path")
TOO_LARGE = every(413, "too_large")
LIMITED = every(429, "too_many")
BROKEN_OFF = every(502, "service_broke")
BUSY = every(503, "service_busy")
UNREACHABLE = every(503, "service_unavailable")
WITHOUT_KEYS = some(503, "unavailable", set(OPERATIONS) - OPEN)
SILENT = every(504, "service_timeout")


@pytest.fixture(scope="module")
async def behind() -> AsyncIterator[Services]:
    """Services that do as they are told."""
    found = {name: await StandIn(name).start() for name in SERVICES}
    yield found
    for service in found.values():
        await service.stop()


@pytest.fixture(scope="module")
async def impatient(start_lasting_gateway: StartGateway, behind: Services) -> Running:
    """A gateway that waits half a second for an answer."""
    return await in_front_of(behind, start_lasting_gateway, GATEWAY_ANSWER_TIMEOUT="0.5")


async def test_an_address_that_can_be_read_in_two_ways_is_refused(impatient: Running) -> None:
    for crooked in ("a%2Fb", "..;", "%00"):
        assert_refused(await asked(impatient, CROOKED, BEARER, place=crooked), 400, "bad_path")


async def test_a_body_that_announces_to_be_too_large_is_refused(impatient: Running) -> None:
    assert_refused(await asked(impatient, TOO_LARGE, BEARER, f"Content-Length: {UPLOAD + 1}"), 413, "too_large")


async def test_a_service_that_breaks_off_is_said_to_have(impatient: Running, behind: Services) -> None:
    tell(behind, hang_up)

    assert_refused(await asked(impatient, BROKEN_OFF, BEARER), 502, "service_broke")


async def test_a_service_that_says_nothing_is_given_up(impatient: Running, behind: Services) -> None:
    tell(behind, say_nothing)

    assert_refused(await asked(impatient, SILENT, BEARER), 504, "service_timeout")


@pytest.fixture(scope="module")
async def cut_off(impatient: Running, behind: Services) -> Running:
    """It has lost all services."""
    for service in behind.values():
        await service.stop()
    return impatient


async def test_a_service_that_is_away_is_said_to_be_away(cut_off: Running) -> None:
    assert_refused(await asked(cut_off, UNREACHABLE, BEARER), 503, "service_unavailable")


@pytest.mark.parametrize("endpoint", some(503, "", ["GET /health"]))
async def test_health_says_that_not_all_is_well(cut_off: Running, endpoint: str) -> None:
    answer = (await asked(cut_off, [endpoint]))[endpoint]

    assert answer.status_code == 503
    shape = {"status": "unhealthy", "timestamp": "<now>", "database": "<text>", "error": "<text>"}
    assert problems(shape, answer.json()) == []
    assert KEPT.differences(endpoint, answer) == []


async def test_who_finds_no_connection_free_is_told_in_the_end(start_gateway: StartGateway, services: Services) -> None:
    gateway = await in_front_of(services, start_gateway)
    tell(services, say_nothing)
    crowd = [await gateway.connect() for _ in range(MOST * len(services))]
    for (_, writer), path in zip(crowd, ONE_OF * MOST, strict=True):
        writer.write(head("GET", path, BEARER))

    async def all_taken() -> bool:
        return all(len(service.seen) >= MOST for service in services.values())

    await eventually(all_taken)
    assert_refused(await asked(gateway, BUSY, BEARER), 503, "service_busy")
    for _, writer in crowd:
        writer.close()


async def test_without_auths_keys_nobody_can_be_told_from_anybody(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(AUTH_URL=f"http://127.0.0.1:{ports.choose()}")
    assert_refused(await asked(gateway, WITHOUT_KEYS, BEARER), 503, "unavailable")


async def test_as_many_requests_pass_as_the_reference_says_and_then_none(start_gateway: StartGateway, own_valkey: Valkey) -> None:
    gateway = await start_gateway(REDIS_URL=own_valkey.url, EDUSTREAM_RATE_LIMIT_DEFAULT="100/minute")
    for endpoint, limit in LIMITS:
        answers = [(await asked(gateway, [endpoint]))[endpoint] for _ in range(limit + 1)]
        assert sum(answer.status_code != 429 for answer in answers) == limit, endpoint
    refused = await asked(gateway, LIMITED)

    assert_refused(refused, 429, "too_many")
    assert {e: a for e, a in refused.items() if int(a.headers["retry-after"]) > 60} == {}


async def in_front_of(services: Services, start: StartGateway, **variables: str) -> Running:
    """A gateway without limits that knows auth's keys."""
    variables |= {f"{name.upper()}_URL": service.url for name, service in services.items()}
    gateway = await start(EDUSTREAM_RATE_LIMIT_REGISTER="off", EDUSTREAM_RATE_LIMIT_LOGIN="off", **variables)

    async def knows_keys() -> bool:
        return (await raw.ask(gateway, head("GET", "/auth/me", BEARER))).status == 200

    await eventually(knows_keys)
    return gateway


def tell(services: Services, handler: Handler) -> None:
    for service in services.values():
        service.otherwise = handler


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: here", *headers, "\r\n")).encode()


async def hang_up(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def say_nothing(exchange: Exchange) -> None:
    await exchange.reader.read()


async def asked(gateway: Running, endpoints: Iterable[str], *headers: str, place: object = 1) -> dict[str, httpx.Response]:
    """What each is answered, all at once: byte by byte, for a whole client would take longer than the gateway."""

    async def ask(endpoint: str) -> tuple[str, httpx.Response]:
        answer = await raw.ask(gateway, head(*placed(endpoint, place), *headers))
        return endpoint, httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    return dict(await asyncio.gather(*map(ask, endpoints)))


def assert_refused(answers: dict[str, httpx.Response], status: int, code: str) -> None:
    """All of them, in the one shape, as the document says, and with the time to come back where there is one."""
    assert answers
    said = {"detail": "<text>", "code": code}
    assert {e: a.text for e, a in answers.items() if a.status_code != status or problems(said, a.json())} == {}
    assert [difference for endpoint, answer in answers.items() for difference in KEPT.differences(endpoint, answer)] == []
    if status in (429, 503):
        assert [endpoint for endpoint, answer in answers.items() if int(answer.headers["retry-after"]) < 1] == []
