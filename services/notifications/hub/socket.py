"""One live connection of a person: what it was told last, and what waits to be sent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.websockets import WebSocketDisconnect

from services.notifications import metrics
from services.notifications.hub.closing import Close
from services.notifications.live import numbered
from shared import logs
from shared.tokens import Claims

QUEUE = 256  # messages that may wait for a client that reads slowly

log = logs.get(__name__)


class Socket:
    """`position` is the number of the last logged message put into the queue. While `is_behind`, the log is being read for it,
    and what comes live is only noted: the log has it too."""

    def __init__(
        self, claims: Claims, position: int, send: Callable[[str], Awaitable[None]], cut: Callable[[int, str], None]
    ) -> None:
        self.user_id = claims.user_id
        self.position = position
        self.newest = position
        self.is_behind = False
        self.is_closed = False
        self.claims = claims
        self._send = send
        self._cut = cut
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on the queue is sent."""
        self._writer = asyncio.create_task(self._write())

    def tell(self, text: str) -> None:
        """Send when its turn comes. A client that lets its queue fill up is cut off."""
        if self.is_closed:
            return
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.close(Close.TOO_SLOW)
        else:
            metrics.live_messages.inc()

    def offer(self, event_id: int, body: str) -> bool:
        """A logged message, as it comes. False when the socket has missed something and has to catch up."""
        self.newest = max(self.newest, event_id)
        if self.is_behind or event_id <= self.position:
            return True
        if event_id > self.position + 1:
            return False
        self.position = event_id
        self.tell(numbered(event_id, body))
        return True

    async def replay(self, event_id: int, body: str, patience: float) -> None:
        """A logged message, from the log. Waits for room in the queue, at most `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._queue.put(numbered(event_id, body))
        except TimeoutError:
            self.close(Close.TOO_SLOW)
        else:
            self.position = event_id
            self.newest = max(self.newest, event_id)
            metrics.live_messages.inc()

    def close(self, why: Close) -> None:
        if self.is_closed:
            return
        self.stop()
        metrics.sockets_closed.labels(str(why.code)).inc()
        log.info("socket_closed", user_id=self.user_id, code=why.code, reason=why.reason)
        self._cut(why.code, why.reason)

    def stop(self) -> None:
        """Nothing more is sent."""
        self.is_closed = True
        if self._writer is not None:
            self._writer.cancel()

    async def _write(self) -> None:
        with suppress(WebSocketDisconnect):  # the reading side hears of it too
            while True:
                await self._send(await self._queue.get())
