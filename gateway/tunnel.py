"""WebSockets: the handshake is passed on, then both connections are joined byte for byte, so that messages, compression, pings
and close codes arrive as they were sent. Only frame headers are looked at, to bound a frame, and the time, to end what idles.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httptools

from gateway import metrics
from gateway.frames import FrameMeter, FrameTooLarge, close_frame
from gateway.incoming import head_for_service
from gateway.sweeper import Sweeper
from gateway.upstream.errors import ServiceBroke, ServiceTimeout, ServiceUnavailable
from gateway.upstream.pool import Pool
from shared.errors import BadRequest, Refusal

if TYPE_CHECKING:
    from gateway.exchange import Exchange

HANDSHAKE_TIMEOUT = 10.0
LAST_WORDS = 5.0  # seconds for a client to read the close frame
SERVER_FRAME = 16 * 1024 * 1024  # a service is trusted to bound what it sends
TRY_LATER, TOO_BIG, RESTARTING, GONE = 1013, 1009, 1012, 1001
UPGRADE = b"connection: Upgrade\r\nupgrade: websocket\r\n"


class NotAWebSocket(BadRequest):
    detail = "This address speaks WebSocket only."
    status = 426

    def __init__(self) -> None:
        super().__init__(headers={"Upgrade": "websocket", "Connection": "close"})


class Tunnels:
    """Opens and ends WebSocket connections of this process."""

    def __init__(self, sweeper: Sweeper, *, idle: float, frame: int, most: int = 20_000) -> None:
        self._sweeper = sweeper
        self._idle, self._frame, self._most = idle, frame, most
        self._open: set[Tunnel] = set()
        self._draining = False

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, exchange: "Exchange") -> None:
        """Raises `Refusal`."""
        request = exchange.request
        if request.upgrade != b"websocket" or request.method != "GET":
            raise NotAWebSocket
        if self._draining or len(self._open) >= self._most:
            raise ServiceUnavailable
        head = head_for_service(request, exchange.client, exchange.path, UPGRADE)
        service = await _shake(exchange.front.pools[exchange.service], head)
        if service.status != 101:
            service.transport.abort()
            raise _Rejected(service.status)
        if self._draining:  # since we asked
            service.transport.abort()
            raise ServiceUnavailable
        tunnel = Tunnel(self, service, self._idle, self._frame)
        client_side = _ClientSide(tunnel, exchange.protocol.leave)
        client_side.transport = exchange.protocol.takeover(client_side)
        exchange.took_over()
        self._open.add(tunnel)
        metrics.websockets.inc()
        self._sweeper.watch(tunnel)
        tunnel.join(client_side, exchange.tail)

    def closed(self, tunnel: "Tunnel") -> None:
        if tunnel in self._open:
            self._open.discard(tunnel)
            self._sweeper.forget(tunnel)
            metrics.websockets.dec()

    def close_all(self) -> None:
        """Tell every client to come back, and let no more in: the process drains."""
        self._draining = True
        for tunnel in tuple(self._open):
            tunnel.end(RESTARTING, "the server restarts")


class _Rejected(Refusal):
    code = "websocket_rejected"

    def __init__(self, status: int) -> None:
        super().__init__("The WebSocket was not accepted.")
        self.status = status if 400 <= status < 600 else 502  # type: ignore[misc]  # this one's status is the service's


class Tunnel:
    """Two joined connections. What arrives on one is written to the other; a slow reader stops the other's reading."""

    def __init__(self, owner: Tunnels, service: "_ServiceSide", idle: float, frame: int) -> None:
        self._owner = owner
        self.service = service
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._from_client, self._from_service = FrameMeter(frame), FrameMeter(SERVER_FRAME)
        self._seen = self._loop.time()
        self._over = False

    def join(self, client: "_ClientSide", tail: bytes) -> None:
        self.client = client
        client.transport.write(self.service.response())
        self.service.tunnel = self
        self.service.transport.resume_reading()
        if self.service.early:
            self.to_client(self.service.early)
        if tail:
            self.to_service(tail)
        if self.service.transport.is_closing():
            self.service_left()

    def to_service(self, data: bytes) -> None:
        if self._over:
            return
        self._seen = self._loop.time()
        try:
            self._from_client.feed(data)
        except FrameTooLarge:
            self.end(TOO_BIG, "frame too large")
            return
        self.service.transport.write(data)

    def to_client(self, data: bytes) -> None:
        try:
            self._from_service.feed(data)
        except FrameTooLarge:
            self.end(TOO_BIG, "frame too large")
            return
        self.client.transport.write(data)

    def client_left(self) -> None:
        self._finish()
        self.service.transport.close()

    def service_left(self) -> None:
        """Without a close frame of its own the service broke down: the client is told to try again."""
        self.end(TRY_LATER, "the service went away")

    def end(self, code: int, reason: str) -> None:
        """Close both sides; the client with `code`, unless the service's own close frame is on its way. Only our side of the
        client's: a reset, because it is still sending, would destroy what it has not read yet."""
        if self._over:
            return
        self._finish()
        if not self._from_service.closing and self._from_service.between:
            self.client.transport.write(close_frame(code, reason))
        if not self.client.transport.is_closing():
            self.client.transport.write_eof()
            self.client.transport.resume_reading()
        self._loop.call_later(LAST_WORDS, self.client.transport.abort)  # one who does not read must not keep the connection
        self.service.transport.abort()

    def sweep(self, now: float) -> None:
        """A client that is there sends something, if only the answers to the service's pings."""
        if now - self._seen > self._idle:
            self.end(GONE, "idle")

    def _finish(self) -> None:
        self._over = True
        self._owner.closed(self)


class _ClientSide(asyncio.Protocol):
    def __init__(self, tunnel: Tunnel, leave: Callable[[], None]) -> None:
        self._tunnel, self._leave = tunnel, leave
        self.transport: asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self._tunnel.to_service(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._leave()
        self._tunnel.client_left()

    def pause_writing(self) -> None:
        if not self._tunnel.service.transport.is_closing():
            self._tunnel.service.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._tunnel.service.transport.is_closing():
            self._tunnel.service.transport.resume_reading()


class _ServiceSide(asyncio.Protocol):
    """Reads the handshake's answer, then hands everything to the tunnel. `early` are the frames that came with the answer."""

    def __init__(self) -> None:
        self.tunnel: Tunnel | None = None
        self.shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.early = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpResponseParser(self)

    def response(self) -> bytes:
        """The answer for the client, less what is not for it."""
        lines = [b"%b: %b\r\n" % h for h in self._headers if h[0].lower() not in (b"server", b"x-request-id")]
        return b"HTTP/1.1 101 Switching Protocols\r\n" + b"".join(lines) + b"\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.to_client(data)
            return
        if self.shaken.done():
            self.early += data
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.early = data[upgrade.args[0] :]
            self.transport.pause_reading()
            self._settle(None)
        except httptools.HttpParserError:
            self._settle(ServiceBroke())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._settle(ServiceBroke())
        if self.tunnel is not None:
            self.tunnel.service_left()

    def pause_writing(self) -> None:
        if self.tunnel is not None:
            self.tunnel.client.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.tunnel is not None:
            self.tunnel.client.transport.resume_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status > 101:
            self._settle(None)

    def _settle(self, error: Refusal | None) -> None:
        if self.shaken.done():
            return
        if error is None:
            self.shaken.set_result(None)
        else:
            self.shaken.set_exception(error)


async def _shake(pool: Pool, head: bytes) -> _ServiceSide:
    side = await pool.open(_ServiceSide)
    side.transport.write(head)
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT):
            await side.shaken
    except TimeoutError as error:
        side.transport.abort()
        raise ServiceTimeout from error
    except BaseException:
        side.transport.abort()
        raise
    return side
