"""uvicorn's WebSocket protocol, with two changes: no token in its logs, and closes that a deaf client cannot hold up."""

import logging
from asyncio import TimerHandle
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

CUT = "edustream.cut"
"""Extension in the ASGI scope: a function `(code, reason)` that closes at once."""
NO_PONG = 1011, "a ping was not answered"
GRACE = 5.0  # seconds for the client to take what was sent and answer the close

_quiet = logging.getLogger("edustream.sockets")
_quiet.setLevel(logging.WARNING)


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn logs the path of each accepted socket with its query string, which may hold a token: not here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = _quiet
        self.conn.debug = False
        self._hanging_up: TimerHandle | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # the application's task has it, but has not begun
            cast("dict[str, Any]", self.scope["extensions"])[CUT] = self.cut

    def cut(self, code: int, reason: str) -> None:
        """Close without waiting for room in the send buffer, as `send` would: a client that does not read would keep the
        connection for ever. After `GRACE` it is gone, whatever the client does."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(GRACE, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._hang_up()

    def shutdown(self) -> None:
        """To a connection that is closing uvicorn would send a close all the same, fail, and leave its own shutdown by that."""
        if not self.transport.is_closing():
            super().shutdown()
        self.stop_keepalive()
        self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._hanging_up is not None:
            self._hanging_up.cancel()

    def _hang_up(self) -> None:
        """uvicorn does when all that waits has been sent, and ends its timer before; a client may never take it."""
        if self.transport.is_closing() and self._hanging_up is None:
            self._hanging_up = self.loop.call_later(GRACE, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """uvicorn would close when all that waits has been sent, which a client that does not read never lets happen."""
        self.stop_keepalive()
        self.cut(*NO_PONG)
