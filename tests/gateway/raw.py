"""Talking to the gateway byte by byte."""

import asyncio
import json
from typing import Any

from tests.gateway.conftest import Running

HANDSHAKE = (
    b"GET /ws/42 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Answer:
    """A parsed response."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    """One response; a chunked body is unwrapped."""
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    answer = Answer(head, b"")
    if head_only or answer.status in (100, 101, 204, 304):
        return answer
    if answer.headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            answer.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        answer.body = await reader.readexactly(int(answer.headers["content-length"]))
    return answer


async def ask(gateway: Running, request: bytes) -> Answer:
    """One request on a connection of its own; fails unless one answer comes, and then nothing."""
    reader, writer = await gateway.connect()
    try:
        writer.write(request)
        return await asyncio.wait_for(read_answer(reader, head_only=request.startswith(b"HEAD")), 15)
    finally:
        writer.close()


async def everything(gateway: Running, request: bytes, within: float = 15) -> bytes:
    """All that comes until the gateway closes."""
    reader, writer = await gateway.connect()
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), within)
    finally:
        writer.close()
