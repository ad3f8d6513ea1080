"""Requests that two servers could read in two ways, sent raw: what reaches the service is what was meant, or nothing."""

import asyncio
import json

import httpx
import pytest

from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.keys import token
from tests.gateway.raw import Answer, ask, everything, read_answer
from tests.gateway.standin import Exchange
from tests.waiting import eventually

POST = b"POST /auth/login HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n"
HIDDEN = b"GET /auth/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

CLEARLY_WRONG = {
    "content-length and chunked": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked and content-length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two equal lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx" + HIDDEN,
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 60\r\n\r\nx" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\nx" + HIDDEN,
    "a signed length": POST + b"Content-Length: +1\r\n\r\nx" + HIDDEN,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\nx" + HIDDEN,
    "an endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n" + HIDDEN,
    "an empty length": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + HIDDEN,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked, then identity": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a folded value": GET + b"X: a\r\n b\r\n\r\n",
    "a header before the first": b"GET /api/subjects HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
    "chunked in 1.0": b"POST /auth/login HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a bare line feed": b"GET /api/subjects HTTP/1.1\nHost: a\n\n" + HIDDEN,
    "a bare line feed after a header": GET + b"X: y\nContent-Length: 60\r\n\r\n" + HIDDEN,
    "a bare carriage return": GET + b"X: y\rContent-Length: 60\r\n\r\n" + HIDDEN,
    "a NUL": GET + b"X: a\x00b\r\n\r\n",
    "a NUL in the path": b"GET /api\x00/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in a name": GET + b"X Y: a\r\n\r\n",
    "no colon": GET + b"XY\r\n\r\n",
    "no host": b"GET /api/subjects HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: b\r\n\r\n",
    "a host with a path": b"GET /api/subjects HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET /api/subjects HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a space in the address": b"GET /api/subjects x HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute address": b"GET http://b/api/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "an authority": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + HIDDEN,
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"SMUGGLE /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method of another trade": b"PROPFIND /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE": b"TRACE /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "a small method": b"get /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /api/subjects HTTP/1.2\r\nHost: a\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60),
    "a WebSocket with a body": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 60\r\n\r\n" + HIDDEN,
    "an unknown expectation": POST + b"Expect: wonders\r\nContent-Length: 1\r\n\r\nx",
    "a long address": b"GET /api/subjects?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a huge header": GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
    "an endless header": GET + b"X: " + b"a" * 200_000,
    "many headers": GET + b"X: y\r\n" * 200 + b"\r\n",
    "endless headers": GET + b"X: y\r\n" * 100_000,
}
WRONG_BODIES = {
    "a chunk longer than said": b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk shorter than said": b"5\r\nabc\r\n0\r\n\r\n" + HIDDEN,
    "a hexadecimal prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a space after the size": b"3 \r\nabc\r\n0\r\n\r\n",
    "a sign before the size": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size beyond all": b"fffffffffffffffff3\r\nabc\r\n0\r\n\r\n",
    "a line feed in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a line feed after the size": b"3\nabc\n0\n\n",
    "no end of line after the chunk": b"3\r\nabc0\r\n\r\n",
    "endless extensions": b"1;" + b"x" * 300_000 + b"\r\na\r\n0\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X: y\r\n" * 100_000,
}


def requests(services: Services) -> list[str]:
    return [seen.target for service in services.values() for seen in service.seen]


@pytest.mark.parametrize("case", CLEARLY_WRONG)
async def test_a_crooked_request_is_refused_and_reaches_nobody(gateway: Running, services: Services, case: str) -> None:
    answer = await everything(gateway, CLEARLY_WRONG[case])

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505 ")), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    assert Answer(head, body).json().keys() == {"detail", "code"}
    assert Answer(head, body).headers["connection"] == "close"
    assert requests(services) == []


@pytest.mark.parametrize("case", WRONG_BODIES)
async def test_a_crooked_body_is_cut_off_and_nothing_after_it_is_a_request(
    gateway: Running, services: Services, case: str
) -> None:
    whole: list[bytes] = []

    async def take(exchange: Exchange) -> None:
        whole.append(await exchange.read_body())
        await exchange.answer()

    services["auth"].on["/auth/login"] = take
    answer = await everything(gateway, POST + b"Transfer-Encoding: chunked\r\n\r\n" + WRONG_BODIES[case])

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert requests(services) in ([], ["/auth/login"])
    assert whole == []


async def test_pipelined_requests_are_answered_in_order_and_one_at_a_time(gateway: Running, services: Services) -> None:
    at_once = most = 0

    async def count(exchange: Exchange) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        await exchange.answer("200 OK", exchange.seen.target.encode())
        at_once -= 1

    services["profiles"].on["/api/utils/countries"] = count
    reader, writer = await gateway.connect()
    writer.write(b"".join(b"GET /api/utils/countries?%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(20)))
    answers = [await read_answer(reader) for _ in range(20)]

    assert [a.body for a in answers] == [b"/api/utils/countries?%d" % i for i in range(20)]
    assert most == 1
    writer.close()


async def test_a_flood_of_pipelined_requests_is_cut_short(gateway: Running, services: Services) -> None:
    got = await everything(gateway, GET.join([b""] * 2) + b"\r\n" + (GET + b"\r\n") * 500)

    assert got.count(b"HTTP/1.1 200 ") <= 40
    last = got[got.rindex(b"HTTP/1.1 ") :]
    assert b"HTTP/1.1 429 " in last
    assert b"retry-after: " in last


async def test_a_crooked_request_behind_a_good_one_is_refused_in_its_turn(gateway: Running, services: Services) -> None:
    got = await everything(gateway, GET + b"\r\n" + POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx" + HIDDEN)

    assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
    assert requests(services) == ["/api/subjects"]


async def test_a_body_that_looks_like_a_request_is_a_body(gateway: Running, services: Services) -> None:
    reader, writer = await gateway.connect()
    writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + GET + b"\r\n")
    first, second = await read_answer(reader), await read_answer(reader)

    assert first.json()["size"] == len(HIDDEN)
    assert second.json()["target"] == "/api/subjects"
    assert requests(services) == ["/auth/login", "/api/subjects"]
    writer.close()


async def test_what_follows_a_closing_request_is_not_read(gateway: Running, services: Services) -> None:
    got = await everything(gateway, GET + b"Connection: close\r\n\r\n" + HIDDEN)

    assert got.count(b"HTTP/1.1 ") == 1
    assert requests(services) == ["/api/subjects"]


async def test_every_byte_may_come_alone(gateway: Running, services: Services) -> None:
    reader, writer = await gateway.connect()
    for byte in POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await read_answer(reader)).json()["size"] == 3
    writer.close()


async def test_an_answer_nobody_asked_for_is_nobodys(gateway: Running, services: Services) -> None:
    """A service that answers twice must not answer the next client's request."""

    async def twice(exchange: Exchange) -> None:
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + stray)

    services["reporting"].on["/api/health/integrity"] = twice
    bearer = f"Authorization: Bearer {token(1, 'admin')}\r\n".encode()
    reader, writer = await gateway.connect()
    for _ in range(3):
        writer.write(b"GET /api/health/integrity HTTP/1.1\r\nHost: a\r\n" + bearer + b"\r\n")
        assert (await read_answer(reader)).body == b"ok"
    writer.write(b"GET /api/audit/logs HTTP/1.1\r\nHost: a\r\n" + bearer + b"\r\n")
    assert (await read_answer(reader)).json()["target"] == "/api/audit/logs"
    writer.close()


async def test_what_is_refused_is_noted(gateway: Running, http: httpx.AsyncClient) -> None:
    got = await everything(gateway, GET + b"X Y: a\r\n\r\n")
    answer = Answer(*got.split(b"\r\n\r\n"))
    request_id = answer.headers["x-request-id"]

    async def logged() -> bool:
        return request_id in gateway.lines()

    await eventually(logged)
    line = json.loads(next(line for line in gateway.lines().splitlines() if request_id in line))
    assert (line["route"], line["status"], line["client"]) == ("refused", 400, "127.0.0.1")
    assert answer.headers["date"]
    assert 'edustream_gateway_refused_total{code="bad_request",status="400"}' in (await http.get("/metrics")).text


async def test_a_slow_head_is_not_waited_for_forever(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway(GATEWAY_HEAD_TIMEOUT="0.5", GATEWAY_IDLE_TIMEOUT="1", GATEWAY_BODY_TIMEOUT="0.5")
    reader, writer = await gateway.connect()
    writer.write(GET)
    assert (await asyncio.wait_for(read_answer(reader), 5)).status == 408
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()

    reader, writer = await gateway.connect()
    writer.write(POST + b"Content-Length: 10\r\nX-Request-Id: so-slow-a-body\r\n\r\nabc")
    assert (await asyncio.wait_for(read_answer(reader), 5)).status == 408
    writer.close()

    async def logged() -> bool:
        return "so-slow-a-body" in gateway.lines()

    await eventually(logged)
    line = json.loads(next(line for line in gateway.lines().splitlines() if "so-slow-a-body" in line))
    assert (line["route"], line["status"]) == ("/auth/login", 408)

    reader, writer = await gateway.connect()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_one_address_may_have_so_many_connections(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(GATEWAY_CONNECTIONS_PER_ADDRESS="3")
    live = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"

    async def answered() -> bool:
        try:
            return (await ask(gateway, live)).status == 200
        except (asyncio.IncompleteReadError, ConnectionError):
            return False

    await eventually(answered)
    held = [await gateway.connect() for _ in range(3)]

    async def full() -> bool:
        return not await answered()

    await eventually(full)
    held.pop()[1].close()
    await eventually(answered)
    for _, writer in held:
        writer.close()


async def test_metrics_are_for_whom_they_are_meant(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(GATEWAY_METRICS_FROM="192.0.2.0/24")

    assert (await ask(gateway, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")).status == 404
