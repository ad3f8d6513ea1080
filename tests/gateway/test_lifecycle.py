"""The gateway's process refuses to start with a wrong setting, and stops without failing anybody."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from tests.gateway.conftest import ROOT, Services, StartGateway
from tests.gateway.raw import HANDSHAKE, read_answer
from tests.gateway.standin import Exchange
from tests.waiting import eventually

PATH = "/api/subjects"


async def test_a_gateway_told_to_stop_finishes_what_it_began(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway()
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.answer("200 OK", b'{"late": true}')

    services["profiles"].on[PATH] = wait
    reader, writer = await gateway.connect()
    idle_reader, idle_writer = await gateway.connect()
    writer.write(b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n")

    async def began() -> bool:
        return bool(services["profiles"].seen)

    await eventually(began)
    gateway.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(idle_reader.read(), 5) == b""
    go_on.set()
    answer = await read_answer(reader)

    assert answer.json() == {"late": True}
    assert answer.headers["connection"] == "close"
    assert await reader.read() == b""
    assert await gateway.stop() in (0, -signal.SIGTERM)
    writer.close()
    idle_writer.close()


async def test_draining_under_load_fails_no_request(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway()
    failed: list[str] = []
    done = 0

    async def knock() -> None:
        nonlocal done
        reader, writer = await gateway.connect()
        while True:
            writer.write(b"GET /api/utils/countries HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                answer = await read_answer(reader)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                failed.append(repr(error))
                return
            done += 1
            if answer.headers.get("connection") == "close":
                writer.close()
                return

    knocking = [asyncio.create_task(knock()) for _ in range(20)]

    async def busy() -> bool:
        return done > 500

    await eventually(busy)
    gateway.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*knocking), 10)

    assert failed == []
    await gateway.stop()


async def test_a_gateway_told_to_stop_lets_no_more_sockets_in(start_gateway: StartGateway, services: Services) -> None:
    """Neither one that is asked for afterwards, nor one whose handshake is under way."""
    go_on = asyncio.Event()
    service = services["notifications"]

    async def shake(exchange: Exchange) -> None:
        if len(service.seen) > 1:
            await go_on.wait()
        await exchange.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await exchange.reader.read()

    async def asked() -> bool:
        return len(service.seen) == 2

    service.on["/ws/42"] = shake
    gateway = await start_gateway()
    inside, under_way, late = [await gateway.connect() for _ in range(3)]
    for (reader, writer), request in ((inside, HANDSHAKE), (late, b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")):
        writer.write(request)
        assert (await read_answer(reader)).status in (101, 200)
    under_way[1].write(HANDSHAKE)
    await eventually(asked)
    gateway.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(inside[0].readexactly(1), 5) == b"\x88"  # told to come back: the process drains
    late[1].write(HANDSHAKE)
    go_on.set()

    assert [(await read_answer(reader)).status for reader, _ in (under_way, late)] == [503, 503]
    for _, writer in (inside, under_way, late):
        writer.close()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EDUSTREAM_RATE_LIMIT_LOGIN", "ten", "EDUSTREAM_RATE_LIMIT_LOGIN"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "TRUSTED_PROXIES"),
        ("CORS_ORIGINS", "example.com", "CORS_ORIGINS"),
        ("BOOKINGS_URL", "bookings:8003", "BOOKINGS_URL"),
        ("REDIS_URL", "localhost", "REDIS_URL"),
        ("EDUSTREAM_PORT", "x", "EDUSTREAM_PORT"),
        ("PUBLIC_URL", "api.example.com", "PUBLIC_URL"),
    ],
)
def test_a_wrong_setting_refuses_to_start_with_a_sentence(variable: str, value: str, said: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": "redis://127.0.0.1:1",
        "AMQP_URL": "amqp://127.0.0.1:1",
        variable: value,
    }
    run = subprocess.run(
        [sys.executable, "-m", "gateway"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20, check=False
    )

    assert run.returncode == 1
    assert run.stderr.startswith("gateway refuses to start: ")
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
