"""WebSockets pass in both directions at once, with their close codes, and no client holds the gateway for nothing."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tests.clients import plain_client
from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.hub import Hub, serving
from tests.gateway.keys import token
from tests.gateway.raw import HANDSHAKE, ask, read_answer
from tests.waiting import eventually

FRAME = 4096


@pytest.fixture(scope="module")
async def module_hub() -> AsyncIterator[Hub]:
    async with serving() as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Hub:
    module_hub.clear()
    return module_hub


@pytest.fixture(scope="module")
async def gateway(start_lasting_gateway: StartGateway, module_hub: Hub) -> Running:
    limits = {"GATEWAY_WEBSOCKET_FRAME": str(FRAME), "GATEWAY_WEBSOCKET_IDLE": "5"}
    return await start_lasting_gateway(NOTIFICATIONS_URL=module_hub.url, **limits)


def socket(gateway: Running, path: str = "/ws/42", **options: object) -> connect:
    return connect(f"ws://127.0.0.1:{gateway.port}{path}", **options)  # type: ignore[arg-type]


async def open_sockets(gateway: Running) -> float:
    async with plain_client() as client:
        lines = (await client.get(f"{gateway.url}/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith("edustream_gateway_websockets ")).split()[1])


async def test_messages_pass_in_both_directions_at_once(gateway: Running, hub: Hub) -> None:
    async with socket(gateway) as ws:
        sent = [("x" * size if size % 2 else b"y" * size) for size in (0, 1, 125, 126, 127, 1000, 3999, 4000) * 50]

        async def send() -> None:
            for message in sent:
                await ws.send(message)

        sending = asyncio.create_task(send())
        got = [await ws.recv() for _ in sent]
        await sending

    assert got == sent


async def test_a_compressed_connection_stays_compressed(gateway: Running, hub: Hub) -> None:
    async with socket(gateway) as ws:
        await ws.send("a" * 100_000)  # a frame of a few hundred bytes
        assert await ws.recv() == "a" * 100_000
        assert [e.name for e in ws.protocol.extensions] == ["permessage-deflate"]


async def test_the_service_sees_the_query_and_our_headers_only(gateway: Running, hub: Hub) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Request-Id": "my-request-1", "Origin": "https://app.example"}
    secret = token(42)
    async with socket(gateway, f"/ws/42?token={secret}", additional_headers=lies, subprotocols=["edu"]) as ws:
        await ws.send("x")
        await ws.recv()
        assert ws.subprotocol == "edu"

    request = hub.requests[-1]
    assert request.path == f"/ws/42?token={secret}"
    assert request.headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.headers["X-Request-Id"] == "my-request-1"


@pytest.mark.parametrize("code", [1000, 1008, 4401, 4403])
async def test_the_services_close_code_reaches_the_client(gateway: Running, hub: Hub, code: int) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "because")

    hub.on_connect = close
    async with socket(gateway) as ws:
        with pytest.raises(ConnectionClosed):
            await ws.recv()

    assert (ws.close_code, ws.close_reason) == (code, "because")


async def test_the_clients_close_code_reaches_the_service(gateway: Running, hub: Hub) -> None:
    async with socket(gateway) as ws:
        await ws.send("x")
        await ws.recv()
        await ws.close(4000, "bye")

    await hub.connections[-1].wait_closed()
    assert (hub.connections[-1].close_code, hub.connections[-1].close_reason) == (4000, "bye")


async def test_pings_go_all_the_way(gateway: Running, hub: Hub) -> None:
    async with socket(gateway) as ws:
        await asyncio.wait_for(await ws.ping(), 2)
        await asyncio.wait_for(await hub.connections[-1].ping(), 2)


@pytest.mark.parametrize("size", [FRAME + 1, 4 * 1024 * 1024])
async def test_a_frame_that_is_too_large_ends_the_connection(gateway: Running, hub: Hub, size: int) -> None:
    ws = await socket(gateway, compression=None)  # no `async with`: asyncio may fail to close what ended with much left to write
    await ws.send(b"x" * FRAME)
    assert await ws.recv() == b"x" * FRAME
    await ws.send(b"x" * size)
    with pytest.raises(ConnectionClosed):
        await ws.recv()

    assert ws.close_code == 1009


async def test_a_silent_client_is_let_go(gateway: Running, hub: Hub) -> None:
    async with socket(gateway, ping_interval=None) as ws:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 15)

    assert ws.close_code == 1001


async def test_a_client_that_answers_pings_may_stay(gateway: Running, hub: Hub) -> None:
    async def ping(connection: ServerConnection) -> None:
        for _ in range(7):
            await (await connection.ping())
            await asyncio.sleep(1)
        await connection.send("still here")
        await connection.wait_closed()

    hub.on_connect = ping
    async with socket(gateway, ping_interval=None) as ws:
        assert await asyncio.wait_for(ws.recv(), 20) == "still here"


async def test_a_client_that_vanishes_leaves_nothing_behind(gateway: Running, hub: Hub) -> None:
    sockets = [await socket(gateway) for _ in range(10)]
    await eventually(lambda: is_open(gateway, 10))
    for ws in sockets:
        ws.transport.abort()

    await eventually(lambda: is_open(gateway, 0))
    for connection in hub.connections:
        await asyncio.wait_for(connection.wait_closed(), 2)


async def test_a_socket_has_its_place_among_the_connections_of_its_address(start_gateway: StartGateway, hub: Hub) -> None:
    gateway = await start_gateway(NOTIFICATIONS_URL=hub.url, GATEWAY_CONNECTIONS_PER_ADDRESS="2")

    async def enter() -> ClientConnection | None:
        with contextlib.suppress(OSError, InvalidHandshake):
            return await socket(gateway)
        return None

    first, second = await eventually(enter), await eventually(enter)
    assert first is not None
    assert await enter() is None

    first.transport.abort()
    assert await eventually(enter)
    assert second is not None


async def is_open(gateway: Running, count: int) -> bool:
    return await open_sockets(gateway) == count


async def test_a_service_that_vanishes_tells_the_client_to_try_later(gateway: Running, hub: Hub) -> None:
    async with socket(gateway) as ws:
        await ws.send("x")
        await ws.recv()
        hub.connections[-1].transport.abort()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 2)

    assert ws.close_code == 1013


async def test_a_slow_reader_makes_the_service_wait(gateway: Running, hub: Hub) -> None:
    sent = 0

    async def pour(connection: ServerConnection) -> None:
        nonlocal sent
        for _ in range(1000):
            await connection.send(os.urandom(65_536))
            sent += 1

    hub.on_connect = pour
    before = gateway.memory()
    async with socket(gateway, compression=None, max_queue=1, ping_interval=0.5) as ws:
        last = -1

        async def stuck() -> bool:
            nonlocal last
            before_, last = last, sent
            await asyncio.sleep(0.2)
            return sent == before_ > 0

        await eventually(stuck)
        assert sent < 900
        assert gateway.memory() - before < 4 * 1024 * 1024
        got = 0
        while got < 1000:
            await ws.recv()
            got += 1


async def test_a_rejected_handshake_is_answered_in_the_usual_shape(gateway: Running, hub: Hub) -> None:
    hub.reject = HTTPStatus.FORBIDDEN
    with pytest.raises(InvalidStatus) as caught:
        await socket(gateway)

    assert caught.value.response.status_code == 403
    assert b'"code": "websocket_rejected"' in (caught.value.response.body or b"")


async def test_plain_http_is_told_to_upgrade(gateway: Running, hub: Hub) -> None:
    answer = await ask(gateway, b"GET /ws/42 HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.json()["code"] == "not_a_web_socket"


async def test_an_upgrade_elsewhere_is_an_ordinary_request(gateway: Running, services: Services) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await socket(gateway, "/api/subjects")

    assert caught.value.response.status_code == 200
    assert services["profiles"].seen[-1].get("upgrade") is None


async def test_without_the_service_the_handshake_is_refused(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(NOTIFICATIONS_URL="http://127.0.0.1:1")
    with pytest.raises(InvalidStatus) as caught:
        await socket(gateway)

    assert caught.value.response.status_code == 503


async def test_handshakes_are_limited(start_gateway: StartGateway, hub: Hub) -> None:
    gateway = await start_gateway(NOTIFICATIONS_URL=hub.url, EDUSTREAM_RATE_LIMIT_DEFAULT="2/minute")
    found: list[ClientConnection] = [await socket(gateway) for _ in range(2)]
    with pytest.raises(InvalidStatus) as caught:
        await socket(gateway)

    assert caught.value.response.status_code == 429
    for ws in found:
        await ws.close()


async def test_a_socket_may_be_asked_for_behind_another_request(gateway: Running, hub: Hub, services: Services) -> None:
    reader, writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n" + HANDSHAKE)
    assert [(await read_answer(reader)).status for _ in range(2)] == [200, 101]
    writer.write(b"\x81\x82\x00\x00\x00\x00hi")

    assert await asyncio.wait_for(reader.readexactly(4), 5) == b"\x81\x02hi"
    writer.close()


async def test_a_gateway_told_to_stop_says_so_to_its_sockets(start_gateway: StartGateway, hub: Hub) -> None:
    gateway = await start_gateway(NOTIFICATIONS_URL=hub.url)
    async with socket(gateway) as ws:
        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 5)

    assert ws.close_code == 1012
    await asyncio.wait_for(gateway.process.wait(), 10)
