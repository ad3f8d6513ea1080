"""A service, for the gateway: a raw HTTP/1.1 server that keeps what reached it, byte for byte, and answers as it is told."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from tests.gateway.keys import JWKS


@dataclass
class Seen:
    """One request that arrived. `raw` is its head as it came."""

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


Handler = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """What a handler gets: the head of a request, whose body it reads itself, and the connection to answer on."""

    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def pieces(self, size: int = 65_536):  # type: ignore[no-untyped-def]
        """The body as it arrives, without its framing."""
        if self.seen.get("transfer-encoding") == "chunked":
            while length := int((await self.reader.readline()).strip() or b"0", 16):
                yield await self.reader.readexactly(length)
                await self.reader.readexactly(2)
            assert await self.reader.readline() == b"\r\n", "trailers reached the service"
            return
        left = int(self.seen.get("content-length") or 0)
        while left:
            piece = await self.reader.read(min(size, left))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    async def read_body(self) -> bytes:
        self.seen.body = b"".join([piece async for piece in self.pieces()])
        return self.seen.body

    async def answer(self, status: str = "200 OK", body: bytes = b"{}", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class StandIn:
    """One service. `on[path]` answers a path, `otherwise` (if it is set) all others; else they are echoed."""

    name: str
    port: int = 0
    host: str = "127.0.0.1"
    seen: list[Seen] = field(default_factory=list)
    on: dict[str, Handler] = field(default_factory=dict)
    otherwise: Handler | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    accepted: int = 0
    openapi: dict[str, object] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self.writers):
            writer.transport.abort()

    def clear(self) -> None:
        self.seen.clear()
        self.on.clear()
        self.otherwise = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        self.accepted += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        exchange = Exchange(Seen(raw, method, target, headers), reader, writer)
        path = target.partition("?")[0]
        if handler := self.on.get(path, self.otherwise):
            self.seen.append(exchange.seen)
            await handler(exchange)
        elif path == "/.well-known/jwks.json":
            await exchange.answer("200 OK", json.dumps(JWKS).encode())
        elif path == "/health/ready":
            await exchange.answer("200 OK", b'{"status": "healthy", "database": "connected"}')
        elif path == "/openapi.json":
            await exchange.answer("200 OK", json.dumps(self.openapi).encode())
        else:
            self.seen.append(exchange.seen)
            await self._echo(exchange)
        return not writer.is_closing()

    async def _echo(self, exchange: Exchange) -> None:
        seen = exchange.seen
        body = await exchange.read_body()
        said = {"service": self.name, "method": seen.method, "target": seen.target, "size": len(body)}
        answer = json.dumps(said).encode()
        await exchange.answer("200 OK", answer if seen.method != "HEAD" else b"", f"X-Size: {len(answer)}")
