"""A notifications service, for the gateway: it takes WebSockets."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol


@dataclass
class Hub:
    """A notifications service that echoes, or does what `on_connect` says."""

    server: Server
    requests: list[Request] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    on_connect: Callable[[ServerConnection], Awaitable[None]] | None = None
    reject: HTTPStatus | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def clear(self) -> None:
        self.requests.clear()
        self.connections.clear()
        self.on_connect, self.reject = None, None


@asynccontextmanager
async def serving() -> AsyncIterator[Hub]:
    found: list[Hub] = []

    async def handle(connection: ServerConnection) -> None:
        hub = found[0]
        assert connection.request is not None
        hub.requests.append(connection.request)
        hub.connections.append(connection)
        if hub.on_connect is not None:
            await hub.on_connect(connection)
            return
        async for message in connection:
            await connection.send(message)

    def check(connection: ServerConnection, request: Request) -> Response | None:
        status = found[0].reject
        return connection.respond(status, "no") if status else None

    def choose(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    async with serve(handle, "127.0.0.1", 0, process_request=check, ping_interval=None, select_subprotocol=choose) as server:
        found.append(Hub(server))
        yield found[0]
