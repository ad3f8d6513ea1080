"""One request and its response on a client connection: the `receive` and `send` that the application is called with."""

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from gateway.server.reader import Head
from gateway.server.status import NO_BODY, STATUS_LINES

if TYPE_CHECKING:
    from gateway.server.protocol import EdgeProtocol

Message = MutableMapping[str, Any]
DRAINABLE = 65_536  # bytes of unread request body worth reading to keep a connection that was answered early


class Cycle:
    """State of one exchange. `more_body` is true until the client's request has been read to its end."""

    __slots__ = (
        "_chunked", "_expects_100", "_left", "_protocol", "_waiter", "body", "buffered", "complete", "disconnected", "head",
        "keep_alive", "more_body", "scope", "started", "tail", "task",
    )  # fmt: skip

    def __init__(self, protocol: "EdgeProtocol", head: Head, scope: Message) -> None:
        self._protocol = protocol
        self.head = head
        self.scope = scope
        self.keep_alive = head.keep_alive
        self._expects_100 = head.expects_100
        self.body: list[bytes] = []
        self.buffered = 0
        self.more_body = True
        self.started = self.complete = self.disconnected = False
        self._chunked = False
        self._left: int | None = None  # bytes of the response's body still owed
        self.tail = b""  # what followed the head of an upgrade request
        self.task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def run(self) -> None:
        await self._protocol.app(self.scope, self.receive, self.send)

    @property
    def hungry(self) -> bool:
        """Whether the application waits for more of the body."""
        return self._waiter is not None

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """The next piece of the request's body; a client that asked is told to go on only when somebody wants the body."""
        protocol = self._protocol
        if self._expects_100 and not self.started:
            self._expects_100 = False
            protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.body and self.more_body and not self.disconnected:
            protocol.resume_reading()
            protocol.touch()
            self._waiter = protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.disconnected:
            return {"type": "http.disconnect"}
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        self.buffered = 0
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Writes at once; waits when the client reads slower than we write."""
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], message["headers"])
        else:
            self._write(message["body"], message.get("more_body", False))
        writing = self._protocol.writing
        if writing is not None:
            await asyncio.shield(writing)

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        self.keep_alive = self.keep_alive and not self._protocol.draining and self._drainable()
        content = [STATUS_LINES[status], self._protocol.date_line()]
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
            content += (name, b": ", value, b"\r\n")
        if self.head.method == "HEAD" or status in NO_BODY:
            self._left = 0
        elif self._left is None and self.head.version == "1.1":
            self._chunked = True
            content.append(b"transfer-encoding: chunked\r\n")
        elif self._left is None:
            self.keep_alive = False
        content.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self._protocol.transport.write(b"".join(content))

    def _drainable(self) -> bool:
        """Whether what is left of the request is worth reading: a client still waiting for `100 Continue` may never send it."""
        if not self.more_body:
            return True
        return not self._expects_100 and self.head.length is not None and self.head.length <= DRAINABLE

    def _write(self, body: bytes, more: bool) -> None:
        transport = self._protocol.transport
        if body and self.head.method != "HEAD":
            if self._chunked:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            elif self._left is not None:
                self._left -= len(body)
                if self._left < 0:
                    raise ValueError("the response's body is longer than its Content-Length")
            transport.write(body)
        if more:
            return
        if self._left:
            raise ValueError("the response's body is shorter than its Content-Length")
        if self._chunked:
            transport.write(b"0\r\n\r\n")
        self.complete = True
        self._protocol.answered(self)
