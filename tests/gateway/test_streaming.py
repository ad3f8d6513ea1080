"""Bodies pass as they come: nothing is held, the slow side sets the pace, and whoever leaves leaves nothing behind."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.gateway.conftest import Running, Services
from tests.gateway.keys import token
from tests.gateway.raw import everything, read_answer
from tests.gateway.standin import Exchange
from tests.waiting import eventually

MIB = 1024 * 1024
PATH = "/api/subjects"
ESTABLISHED, CLOSE_WAIT = "01", "08"
AUTH = f"Authorization: Bearer {token(1)}\r\n".encode()


async def test_an_answer_is_passed_on_while_it_is_made(gateway: Running, services: Services) -> None:
    go_on = asyncio.Event()

    async def drip(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        await exchange.send(b"6;ext=1\r\nsecond\r\n0\r\nX-Trailer: dropped\r\n\r\n")

    services["profiles"].on[PATH] = drip
    reader, writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    first = await reader.readuntil(b"first\r\n")
    go_on.set()
    rest = await reader.readuntil(b"0\r\n\r\n")

    assert b"transfer-encoding: chunked" in head
    assert first == b"5\r\nfirst\r\n"
    assert rest == b"6\r\nsecond\r\n0\r\n\r\n"
    writer.close()


async def test_a_large_download_waits_for_a_slow_reader(gateway: Running, http: httpx.AsyncClient, services: Services) -> None:
    size = 64 * MIB
    sent = 0

    async def pour(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65_536):
            await exchange.send(bytes(65_536))
            sent += 65_536

    services["profiles"].on[PATH] = pour
    await http.get("/api/utils/countries")
    before = gateway.memory()
    reader, writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    last = -1

    async def stuck() -> bool:
        nonlocal last
        before_, last = last, sent
        await asyncio.sleep(0.1)
        return sent == before_ > 0

    await eventually(stuck)
    assert sent < size / 2
    assert gateway.memory() - before < 2 * MIB
    left = size
    while left:
        left -= len(await reader.read(1 << 20))
    assert gateway.memory() - before < 4 * MIB
    writer.close()


async def test_a_client_that_leaves_while_waiting_takes_its_request_along(
    gateway: Running, http: httpx.AsyncClient, services: Services
) -> None:
    gone = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        assert await exchange.reader.read() == b""
        gone.set()

    services["reporting"].on["/api/audit/logs"] = wait
    _, writer = await gateway.connect()
    writer.write(b"GET /api/audit/logs HTTP/1.1\r\nHost: a\r\n" + AUTH + b"\r\n")

    async def began() -> bool:
        return bool(services["reporting"].seen)

    await eventually(began)
    writer.close()
    await asyncio.wait_for(gone.wait(), 2)


async def test_a_client_that_leaves_in_a_download_takes_its_request_along(
    gateway: Running, http: httpx.AsyncClient, services: Services
) -> None:
    gone = asyncio.Event()

    async def pour(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await exchange.send(b"10000\r\n" + bytes(65_536) + b"\r\n")
        except OSError:
            gone.set()

    services["profiles"].on[PATH] = pour
    reader, writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readexactly(100_000)
    writer.transport.abort()
    await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    ],
)
async def test_an_answer_that_breaks_off_is_seen_to_be_broken(gateway: Running, services: Services, answer: bytes) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.send(answer)
        exchange.writer.close()

    services["profiles"].on[PATH] = half
    reader, writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(read_answer(reader), 15)
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ],
)
async def test_what_is_no_answer_is_a_bad_gateway(http: httpx.AsyncClient, services: Services, answer: bytes) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(answer)
        exchange.writer.close()

    services["profiles"].on[PATH] = say
    got = await http.post(PATH, json={}, headers={"Authorization": f"Bearer {token(1)}"})

    assert got.status_code == 502
    assert got.json()["code"] == "service_broke"


async def test_an_answer_that_ends_with_its_connection_is_whole(http: httpx.AsyncClient, services: Services) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        exchange.writer.close()

    services["profiles"].on[PATH] = say
    got = await http.get(PATH)

    assert got.text == "all of it"


async def test_interim_answers_are_not_the_answer(http: httpx.AsyncClient, services: Services) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        await exchange.answer("201 Created", b"{}")

    services["profiles"].on[PATH] = say

    assert (await http.get(PATH)).status_code == 201


async def test_head_answers_have_no_body_and_keep_the_connection(gateway: Running, services: Services) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Kind: head\r\n\r\n")

    services["profiles"].on[PATH] = say
    reader, writer = await gateway.connect()
    for _ in range(3):
        writer.write(b"HEAD /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await read_answer(reader, head_only=True)
        assert answer.headers["content-length"] == "1234"
        assert answer.headers["x-kind"] == "head"
    del services["profiles"].on[PATH]
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await read_answer(reader)).json()["method"] == "GET"
    writer.close()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_without_bodies_keep_the_connection(gateway: Running, services: Services, status: str) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(f'HTTP/1.1 {status}\r\nETag: "x"\r\n\r\n'.encode())

    services["profiles"].on[PATH] = say
    reader, writer = await gateway.connect()
    for _ in range(2):
        writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await read_answer(reader)
        assert answer.status == int(status[:3])
        assert not {"content-length", "transfer-encoding"} & answer.headers.keys()
    writer.close()


async def test_an_http_1_0_client_gets_an_answer_it_understands(gateway: Running, services: Services) -> None:
    async def say(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    services["profiles"].on[PATH] = say
    got = await everything(gateway, b"GET /api/subjects HTTP/1.0\r\n\r\n")

    assert got.endswith(b"connection: close\r\n\r\nabc")
    assert b"transfer-encoding" not in got


async def test_nothing_is_left_open(gateway: Running, services: Services) -> None:
    """Neither a client's connection, whole or half, nor one to a service, but for those that are kept for the next request."""

    async def wait(exchange: Exchange) -> None:
        await exchange.reader.read()

    services["profiles"].on[PATH] = wait
    writers = [(await gateway.connect())[1] for _ in range(20)]
    for writer in writers:
        writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")

    async def all_began() -> bool:
        return len(services["profiles"].seen) == 20

    async def none_left() -> bool:
        clients = [state for state in states(gateway.port, end=1) if state in (ESTABLISHED, CLOSE_WAIT)]
        return not clients and len(services["profiles"].writers) == len(kept(services["profiles"].port))

    await eventually(all_began)
    at_most = len(services["profiles"].writers)
    for writer in writers:
        writer.transport.abort()
    await eventually(none_left)
    assert len(services["profiles"].writers) <= at_most - 20


def kept(port: int) -> list[str]:
    return [state for state in states(port, end=1) if state == ESTABLISHED]


def states(port: int, end: int) -> list[str]:
    """The states of the connections with this port at their local (1) or remote (2) end."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[3] for row in rows if int(row[end].rpartition(":")[2], 16) == port]
