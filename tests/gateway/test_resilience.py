"""Services come and go: whoever asks is told at once, in the usual shape, and nothing is done twice."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local import ports
from tests.clients import plain_client
from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.keys import token
from tests.gateway.raw import read_answer
from tests.gateway.standin import Exchange, StandIn
from tests.waiting import eventually

PATH = "/api/subjects"
BEARER = {"Authorization": f"Bearer {token(1)}"}


async def test_a_service_that_is_down_is_said_to_be_so_in_milliseconds(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(PROFILES_URL=f"http://127.0.0.1:{ports.choose()}")
    async with plain_client(base_url=gateway.url) as client:
        await client.get(PATH)
        answers, longer = [], []
        for _ in range(20):
            started = time.perf_counter()
            await client.get("/health/live")
            between = time.perf_counter()
            answers.append(await client.get(PATH))
            longer.append(time.perf_counter() - between - (between - started))

    assert {a.status_code for a in answers} == {503}
    assert {a.json()["code"] for a in answers} == {"service_unavailable"}
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers)
    assert statistics.median(longer) < 0.02  # than a page of the gateway's own


async def test_a_service_that_does_not_even_refuse_is_given_up(start_gateway: StartGateway) -> None:
    """TEST-NET addresses lead nowhere, or are refused by the machine's own network."""
    gateway = await start_gateway(PROFILES_URL="http://192.0.2.1:9")
    async with plain_client(base_url=gateway.url, timeout=5) as client:
        slow = [await client.get(PATH) for _ in range(2)]
        started = time.perf_counter()
        quick = await client.get(PATH)
        took = time.perf_counter() - started

    assert {a.status_code for a in (*slow, quick)} == {503}
    assert took < 0.1


async def test_a_service_that_comes_back_is_used_again(start_gateway: StartGateway) -> None:
    port = ports.choose()
    gateway = await start_gateway(PROFILES_URL=f"http://127.0.0.1:{port}")
    async with plain_client(base_url=gateway.url) as client:
        for _ in range(5):
            assert (await client.get(PATH)).status_code == 503
        service = await StandIn("profiles", port).start()

        async def back() -> bool:
            return (await client.get(PATH)).status_code == 200

        await eventually(back, within=4)
        assert {(await client.get(PATH)).status_code for _ in range(5)} == {200}
        await service.stop()


async def test_a_slow_service_is_given_up(start_gateway: StartGateway, services: Services) -> None:
    async def wait(exchange: Exchange) -> None:
        await exchange.reader.read()

    services["profiles"].on[PATH] = wait
    gateway = await start_gateway(GATEWAY_ANSWER_TIMEOUT="0.5")
    async with plain_client(base_url=gateway.url) as client:
        started = time.perf_counter()
        answer = await client.get(PATH)

    assert answer.status_code == 504
    assert answer.json()["code"] == "service_timeout"
    assert 0.4 < time.perf_counter() - started < 2


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("PUT", 200), ("DELETE", 200), ("POST", 502), ("PATCH", 502)])
async def test_only_what_may_be_repeated_is_sent_again(
    http: httpx.AsyncClient, services: Services, method: str, status: int, chunked: bool
) -> None:
    """The service closes a kept connection in the very moment that the next request goes out."""
    service = services["bookings"]
    seen = 0

    async def close_the_second_time(exchange: Exchange) -> None:
        nonlocal seen
        await exchange.read_body()
        seen += 1
        if seen == 2:
            exchange.writer.transport.abort()
        else:
            await exchange.answer()

    service.on["/api/packages/1"] = close_the_second_time

    async def ask() -> int:
        body = _pieces() if chunked else b"" if method in ("GET", "DELETE") else b"abc"
        return (await http.request(method, "/api/packages/1", headers=BEARER, content=body)).status_code

    assert await ask() == 200
    assert await ask() == status
    assert seen == (3 if status == 200 else 2)
    accepted = service.accepted
    assert await ask() == 200
    assert service.accepted == accepted + (status != 200)  # nothing stood behind the request that was sent again


async def _pieces() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"bc"


async def test_a_request_is_sent_again_once_only(http: httpx.AsyncClient, services: Services) -> None:
    service = services["bookings"]
    await http.get("/api/packages/2", headers=BEARER)

    async def close(exchange: Exchange) -> None:
        exchange.writer.transport.abort()

    service.on["/api/packages/2"] = close
    service.seen.clear()
    answer = await http.get("/api/packages/2", headers=BEARER)

    assert answer.status_code == 502
    assert len(service.seen) <= 2


async def test_more_requests_than_connections_wait_their_turn(gateway: Running, services: Services) -> None:
    go_on, busy, most = asyncio.Event(), 0, 0

    async def wait(exchange: Exchange) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await go_on.wait()
        busy -= 1
        await exchange.answer()

    async def full() -> bool:
        return busy == 100

    services["messaging"].on["/api/messages/threads"] = wait
    connections = await knock(gateway, 150)
    await eventually(full)
    go_on.set()
    answers = await asyncio.gather(*(read_answer(reader) for reader, _ in connections))

    assert {a.status for a in answers} == {200}
    assert most == 100
    for _, writer in connections:
        writer.close()


async def knock(gateway: Running, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """This many clients asking the same at once."""
    connections = await asyncio.gather(*(gateway.connect() for _ in range(count)))
    request = f"GET /api/messages/threads HTTP/1.1\r\nHost: a\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n".encode()
    for _, writer in connections:
        writer.write(request)
    return connections


async def test_a_line_that_is_too_long_is_refused(gateway: Running, services: Services) -> None:
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.answer()

    services["messaging"].on["/api/messages/threads"] = wait
    connections = await knock(gateway, 520)
    answering = [asyncio.create_task(read_answer(reader)) for reader, _ in connections]

    async def refused() -> bool:
        return sum(task.done() for task in answering) >= 20

    await eventually(refused)
    go_on.set()
    answers = await asyncio.gather(*answering)

    found = Counter(a.status for a in answers)
    assert found.keys() == {200, 503}
    assert found[503] >= 20
    assert {a.json()["code"] for a in answers if a.status == 503} == {"service_busy"}
    for _, writer in connections:
        writer.close()


async def test_a_service_with_a_long_line_is_busy_and_not_ill(start_gateway: StartGateway, services: Services) -> None:
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.answer()

    services["messaging"].on["/api/messages/threads"] = wait
    gateway = await start_gateway()
    connections = await knock(gateway, 520)
    answering = [asyncio.create_task(read_answer(reader)) for reader, _ in connections]

    async def refused() -> bool:
        return any(task.done() for task in answering)

    await eventually(refused)
    async with plain_client(base_url=gateway.url) as client:
        health = await client.get("/health")
    go_on.set()
    await asyncio.gather(*answering)

    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    for _, writer in connections:
        writer.close()
