"""Who reads slowly, or not at all, makes the gateway hold little."""

import asyncio
import socket

import httpx

from tests.gateway.conftest import Running
from tests.gateway.raw import read_answer

MIB = 1024 * 1024


async def test_a_client_that_never_reads_is_not_answered_forever(gateway: Running, http: httpx.AsyncClient) -> None:
    page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    size = len((await http.get("/docs/swagger-ui-bundle.js")).content)
    before = gateway.memory()
    reader, writer = await gateway.connect()
    for _ in range(50):
        writer.write(page * 10)
        await http.get("/health/live")  # has read what was sent before, if it reads on
    assert gateway.memory() - before < 4 * MIB

    for _ in range(5):
        assert len((await read_answer(reader)).body) == size
    writer.close()


async def test_a_page_of_our_own_is_held_once_for_all_who_do_not_read_it(gateway: Running, http: httpx.AsyncClient) -> None:
    page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    body = (await http.get("/docs/swagger-ui-bundle.js")).content
    before = gateway.memory()
    connections = [await asyncio.open_connection(sock=narrow(gateway.port)) for _ in range(40)]
    for reader, writer in connections:
        writer.write(page * 5)
        await reader.readuntil(b"\r\n\r\n")

    assert gateway.memory() - before < 10 * MIB
    for reader, writer in connections:
        assert await reader.readexactly(len(body)) == body
        writer.transport.abort()


def narrow(port: int) -> socket.socket:
    """A connection of a client that takes little before it is read."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made
