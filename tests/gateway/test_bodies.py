"""Bodies of requests: passed on as they come, within limits, and answered early where that is possible."""

import asyncio
from collections import Counter

import httpx
import pytest

from gateway.upstream.pool import MOST, MOST_ARRIVING
from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.keys import token
from tests.gateway.raw import ask, read_answer
from tests.gateway.standin import Exchange
from tests.waiting import eventually

MIB = 1024 * 1024
PATH = "/api/subjects"
UPLOAD = "/api/messages/with-attachment"
AUTH = f"Authorization: Bearer {token(1)}\r\n".encode()


def upload_head(extra: bytes, path: str = UPLOAD) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%b%b\r\n" % (path.encode(), AUTH, extra)


async def test_a_request_is_passed_on_while_it_is_sent(gateway: Running, services: Services) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(exchange: Exchange) -> None:
        async for piece in exchange.pieces():
            pieces.put_nowait(piece)
        await exchange.answer()

    services["messaging"].on[UPLOAD] = take
    reader, writer = await gateway.connect()
    writer.write(upload_head(b"Transfer-Encoding: chunked\r\n") + b"3\r\none\r\n")
    assert await asyncio.wait_for(pieces.get(), 5) == b"one"
    writer.write(b"3;x=y\r\ntwo\r\n0\r\nX-Trailer: dropped\r\n\r\n")
    assert await asyncio.wait_for(pieces.get(), 5) == b"two"

    assert (await read_answer(reader)).status == 200
    writer.close()


async def test_many_large_uploads_are_not_held(gateway: Running, http: httpx.AsyncClient, services: Services) -> None:
    """The service takes nothing until all clients have sent what they can."""
    go_on = asyncio.Event()
    taken: list[int] = []

    async def take(exchange: Exchange) -> None:
        await go_on.wait()
        taken.append(len(await exchange.read_body()))
        await exchange.answer()

    services["messaging"].on[UPLOAD] = take
    size, count = 5 * MIB, 20
    await http.get(PATH)
    before = gateway.memory()
    connections = [await gateway.connect() for _ in range(count)]
    for _, writer in connections:
        writer.write(upload_head(b"Content-Length: %d\r\n" % size) + bytes(size))

    async def all_began() -> bool:
        return len(services["messaging"].seen) == count

    await eventually(all_began)
    grown = gateway.memory() - before
    go_on.set()
    answers = await asyncio.gather(*(read_answer(reader) for reader, _ in connections))

    assert taken == [size] * count
    assert {a.status for a in answers} == {200}
    assert grown < count * 2 * MIB
    assert gateway.memory() - before < count * 2 * MIB
    for _, writer in connections:
        writer.close()


async def test_a_small_body_is_awaited_before_a_service_is_asked(gateway: Running, services: Services) -> None:
    reader, writer = await gateway.connect()
    writer.write(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
    for _ in range(3):
        assert (await ask(gateway, b"GET /auth/jwks HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
    assert not [seen for seen in services["auth"].seen if seen.target == "/auth/login"]

    writer.write(b"dy")
    assert (await read_answer(reader)).json()["size"] == 4
    writer.close()


async def reading(exchange: Exchange) -> None:
    await exchange.read_body()
    await exchange.answer()


FORGOT = b"POST /auth/forgot-password HTTP/1.1\r\nHost: a\r\n"
SMALL = FORGOT + b"Content-Length: 2\r\n\r\n{}"
THREADS = b"GET /api/messages/threads HTTP/1.1\r\nHost: a\r\n" + AUTH + b"\r\n"
Connections = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


async def sending(gateway: Running, count: int, head: bytes) -> Connections:
    """This many clients that have sent the head of a request with a body."""
    connections = await asyncio.gather(*(gateway.connect() for _ in range(count)))
    for _, writer in connections:
        writer.write(head)
    return connections


def leave(connections: Connections) -> None:
    for _, writer in connections:
        writer.transport.abort()


@pytest.mark.parametrize("body", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("method", [b"POST", b"GET"])
async def test_bodies_that_do_not_come_take_no_connections(
    gateway: Running, services: Services, method: bytes, body: bytes
) -> None:
    services["auth"].otherwise = reading
    head = b"%b /auth/forgot-password HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%b\r\n\r\n" % (method, body)
    slow = await sending(gateway, MOST, head)
    welcome = await asyncio.gather(*(read_answer(reader) for reader, _ in slow))

    assert {a.status for a in welcome} == {100}
    assert (await ask(gateway, SMALL)).status == 200
    leave(slow)


async def test_uploads_that_do_not_come_leave_connections_to_others(gateway: Running, services: Services) -> None:
    services["messaging"].otherwise = reading
    slow = await sending(gateway, MOST, upload_head(b"Expect: 100-continue\r\nContent-Length: 100000\r\n"))
    found = asyncio.gather(*(read_answer(reader) for reader, _ in slow))

    async def all_came_that_may() -> bool:
        return len(services["messaging"].seen) == MOST_ARRIVING

    await eventually(all_came_that_may)
    assert (await ask(gateway, THREADS)).status == 200
    assert Counter(a.status for a in await found) == {100: MOST_ARRIVING, 503: MOST - MOST_ARRIVING}
    leave(slow)


async def test_an_upload_begins_when_another_has_come(gateway: Running, services: Services) -> None:
    """Those that have come wait for the service: that is no reason for others not to come."""
    go_on = asyncio.Event()

    async def take(exchange: Exchange) -> None:
        await exchange.read_body()
        await go_on.wait()
        await exchange.answer()

    services["messaging"].on[UPLOAD] = take
    uploads = await sending(gateway, MOST_ARRIVING + 1, upload_head(b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"))
    welcome = {asyncio.create_task(read_answer(reader)): writer for reader, writer in uploads}
    while welcome:
        done, _ = await asyncio.wait(welcome, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            assert task.result().status == 100
            welcome.pop(task).write(b"1\r\nx\r\n0\r\n\r\n")
    go_on.set()

    assert {(await read_answer(reader)).status for reader, _ in uploads} == {200}
    leave(uploads)


async def test_awaited_bodies_together_may_have_so_much_memory(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway()
    large = FORGOT + b"Content-Length: %d\r\n\r\n" % MIB
    slow = await sending(gateway, 80, large + bytes(MIB - 1))
    refused = await next(asyncio.as_completed([read_answer(reader) for reader, _ in slow]))

    assert (refused.status, refused.json()["code"]) == (503, "service_busy")
    assert gateway.memory() < 300 * MIB
    assert (await ask(gateway, SMALL)).status == 200
    leave(slow)

    async def room_again() -> bool:
        return (await ask(gateway, large + bytes(MIB))).status == 200

    await eventually(room_again)


async def test_a_body_in_crumbs_takes_no_more_memory_than_another(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway()
    assert (await ask(gateway, SMALL)).status == 200
    before = gateway.memory()
    slow = await sending(gateway, 50, FORGOT + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nxx\r\n" * 32_000)
    for _, writer in slow:
        await writer.drain()
    assert (await ask(gateway, SMALL)).status == 200
    grown = gateway.memory() - before
    for _, writer in slow:
        writer.write(b"0\r\n\r\n")

    assert {(await read_answer(reader)).json()["size"] for reader, _ in slow} == {64_000}
    assert grown < 20 * MIB
    leave(slow)


async def test_a_client_that_leaves_in_an_upload_takes_its_request_along(
    gateway: Running, http: httpx.AsyncClient, services: Services
) -> None:
    gone = asyncio.Event()

    async def take(exchange: Exchange) -> None:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await exchange.read_body()
        gone.set()

    services["messaging"].on[UPLOAD] = take
    _, writer = await gateway.connect()
    writer.write(upload_head(b"Content-Length: 100000\r\n") + bytes(1000))

    async def began() -> bool:
        return bool(services["messaging"].seen)

    await eventually(began)
    writer.transport.abort()
    await asyncio.wait_for(gone.wait(), 2)


async def test_a_client_is_told_to_go_on_only_when_its_request_is_welcome(gateway: Running, services: Services) -> None:
    reader, writer = await gateway.connect()
    writer.write(upload_head(b"Content-Length: 4\r\nExpect: 100-continue\r\n"))
    assert (await read_answer(reader)).status == 100
    writer.write(b"body")
    assert (await read_answer(reader)).json()["size"] == 4
    assert services["messaging"].seen[-1].get("expect") is None
    writer.close()

    for head, status in (
        (b"POST /auth/me HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", 401),
        (upload_head(b"Content-Length: 99999999\r\nExpect: 100-continue\r\n"), 413),
    ):
        answer = await ask(gateway, head)
        assert answer.status == status
        assert answer.headers["connection"] == "close"


async def test_an_early_refusal_of_a_small_body_keeps_the_connection(gateway: Running, services: Services) -> None:
    reader, writer = await gateway.connect()
    writer.write(b"POST /auth/me HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
    assert (await read_answer(reader)).status == 401
    writer.write(b"bodyGET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await read_answer(reader)).json()["target"] == "/api/subjects"
    writer.close()


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [(UPLOAD, 11 * MIB, 200), (UPLOAD, 13 * MIB, 413), ("/api/messages", MIB, 200), ("/api/messages", 2 * MIB, 413)],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_limit(gateway: Running, services: Services, path: str, size: int, status: int, chunked: bool) -> None:
    reader, writer = await gateway.connect()
    if chunked:
        writer.write(upload_head(b"Transfer-Encoding: chunked\r\n", path))
        for _ in range(size // 65_536):
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        writer.write(b"0\r\n\r\n")
    else:
        writer.write(upload_head(b"Content-Length: %d\r\n" % size, path) + bytes(size))
    answer = await asyncio.wait_for(read_answer(reader), 15)

    assert answer.status == status
    if status == 413:
        assert answer.json()["code"] == "too_large"
    else:
        assert answer.json()["size"] == size
    writer.close()


async def test_a_service_may_answer_before_it_has_read_everything(gateway: Running, services: Services) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer("415 Unsupported Media Type", b'{"detail": "no"}', "Connection: close")
        exchange.writer.close()

    services["messaging"].on[UPLOAD] = refuse
    reader, writer = await gateway.connect()
    writer.write(upload_head(b"Content-Length: 8000000\r\n") + bytes(100_000))

    assert (await asyncio.wait_for(read_answer(reader), 5)).status == 415
    writer.close()
