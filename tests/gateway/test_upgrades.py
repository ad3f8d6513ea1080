"""Upgrades that nobody here takes up: the request is served as if nothing had been offered, and is the last on its connection."""

import asyncio

import pytest

from tests.gateway.conftest import Running, Services
from tests.gateway.raw import everything, read_answer
from tests.gateway.test_smuggling import GET, HIDDEN, requests

POST = b"POST /auth/forgot-password HTTP/1.1\r\nHost: a\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
"""Java's HTTP client makes it with its first request, whatever that is."""


async def test_what_follows_an_ignored_upgrade_is_not_read(gateway: Running, services: Services) -> None:
    got = await everything(gateway, GET + OFFER + b"\r\n" + HIDDEN)

    assert got.count(b"HTTP/1.1 ") == 1
    assert requests(services) == ["/api/subjects"]
    assert b"upgrade" not in services["profiles"].seen[0].raw.lower()


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 40\r\n", b"x" * 40),
        (b"Content-Length: 40\r\n", HIDDEN[:40]),
        (b"Transfer-Encoding: chunked\r\n", b"14\r\n" + b"x" * 20 + b"\r\n14\r\n" + b"y" * 20 + b"\r\n0\r\n\r\n"),
    ],
)
async def test_the_body_of_an_ignored_upgrade_arrives_once_and_whole(
    gateway: Running, services: Services, framing: bytes, body: bytes, alone: bool
) -> None:
    request = POST + OFFER + framing + b"\r\n" + body
    reader, writer = await gateway.connect()
    for byte in request[:-1] if alone else b"":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    writer.write((request[-1:] if alone else request) + HIDDEN)
    answer = await read_answer(reader)

    assert answer.status == 200
    assert answer.json()["size"] == 40
    assert answer.headers["connection"] == "close"
    assert await reader.read() == b""
    assert requests(services) == ["/auth/forgot-password"]
    assert b"upgrade" not in services["auth"].seen[0].raw.lower()
    writer.close()


async def test_a_crooked_body_of_an_ignored_upgrade_is_refused(gateway: Running, services: Services) -> None:
    got = await everything(gateway, POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" + HIDDEN)

    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.1 ") == 1
    assert requests(services) == []
