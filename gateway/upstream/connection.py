"""One kept HTTP/1.1 connection to a service: one exchange at a time, streamed both ways with back-pressure."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from gateway.upstream.errors import ServiceBroke, ServiceTimeout
from shared.errors import Refusal

HIGH_WATER = 65_536  # bytes of response held before the service is made to wait
MAX_HEADERS = 100

Headers = list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """`begin`, then `head`, then `read` until it gives nothing, then back to the pool if `reusable`, else `abort`."""

    __slots__ = (
        "_answer_within", "_closed", "_deadline", "_error", "_head_done", "_head_only", "_loop", "_needs_eof", "_on_lost",
        "_parser", "_paused", "_served", "_started", "_waiter", "_writing", "body", "busy", "done", "headers", "idle_since",
        "keep", "sent_all", "size", "status", "transport",
    )  # fmt: skip

    def __init__(self, on_lost: Callable[["Connection"], None], answer_within: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._answer_within = answer_within
        self._parser = httptools.HttpResponseParser(self)
        self._closed = False
        self._served = False
        self._waiter: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self.busy = False
        self.idle_since = 0.0
        self._reset(head_only=False)

    def _reset(self, *, head_only: bool) -> None:
        self._head_only = head_only
        self._head_done = self._started = self._needs_eof = self._paused = False
        self._error: Refusal | None = None
        self._deadline = 0.0
        self.status = 0
        self.headers: Headers = []
        self.body: list[bytes] = []
        self.size = 0
        self.done = False
        self.keep = True
        self.sent_all = False

    # The proxy's side

    @property
    def usable(self) -> bool:
        return not self._closed and not self.transport.is_closing()

    @property
    def reusable(self) -> bool:
        return self.done and self.keep and self.sent_all and self.usable and not self._paused

    def begin(self, data: bytes, *, head_only: bool, whole: bool) -> None:
        """Start an exchange with the request's head, and its body if `whole`."""
        self._reset(head_only=head_only)
        self.busy = True
        self.sent_all = whole
        self._deadline = self._loop.time() + self._answer_within
        self.transport.write(data)

    async def write(self, data: bytes) -> None:
        """Send a piece of the request's body; waits while the service reads slower than the client sends."""
        if self._error is not None:
            raise self._error
        self._deadline = self._loop.time() + self._answer_within
        self.transport.write(data)
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def head(self) -> None:
        """Wait for the response's head. Raises `ServiceBroke`, `ServiceTimeout`, or what `fail` was called with."""
        while not self._head_done:
            await self._wait()

    async def read(self) -> bytes:
        """The next piece of the response's body; nothing at its end."""
        while not self.body and not self.done:
            await self._wait()
        piece = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        self.size = 0
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return piece

    def fail(self, error: Refusal) -> None:
        """End the exchange with `error`, whoever waits."""
        if self._error is None:
            self._error = error
        self._wake()
        self.abort()

    def abort(self) -> None:
        self.transport.abort()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self.busy:  # nobody asked: whatever it answers, it must not become the answer to the next request
            self.abort()
            return
        self._started = True
        self._deadline = self._loop.time() + self._answer_within
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(ServiceBroke())
            return
        if self._head_done:
            self._wake()
            if self.size > HIGH_WATER and not self.done:
                self._paused = True
                self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self.busy and not self.done:
            if self._needs_eof and self._head_done and exc is None and self._error is None:
                self.done = True
            elif self._error is None:
                self._error = ServiceBroke(stale=self._served and not self._started)
        self._wake()
        self.resume_writing()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._writing = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.set_result(None)
            self._writing = None

    def expire(self, now: float) -> None:
        """Called by the pool's sweep."""
        if self.busy and not self.done and not self._paused and now > self._deadline:
            self.fail(ServiceTimeout() if not self._head_done else ServiceBroke())

    # The parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:
            return  # a trailer
        self.headers.append((name.lower(), value))
        if len(self.headers) > MAX_HEADERS:
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = []  # an interim answer: the real one follows
            return
        self.keep = self._parser.should_keep_alive()
        self._needs_eof = not self.keep and not any(n in (b"content-length", b"transfer-encoding") for n, _ in self.headers)
        self._head_done = True
        if self._head_only:
            self._complete()
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for the body that a HEAD answer only describes

    def on_body(self, body: bytes) -> None:
        if self.done:
            self.keep = False
            return
        self.body.append(body)
        self.size += len(body)

    def on_message_complete(self) -> None:
        if self._head_done and not self.done:
            self._complete()

    def on_message_begin(self) -> None:
        if self.done:  # more than was asked for
            self.keep = False

    def _complete(self) -> None:
        self.done = True
        self._served = True
