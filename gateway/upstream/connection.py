"""One kept HTTP/1.1 connection to a service: one exchange at a time, told to a listener as it comes."""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from gateway.postponed import Postponed
from gateway.upstream.errors import ServiceBroke, ServiceTimeout
from shared.errors import Refusal

MAX_HEAD = 65_536
INTERIM = re.compile(rb"HTTP/1\.1 1[^\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
FRAMED = re.compile(rb"\r\n(?:content-length|transfer-encoding):", re.IGNORECASE)


class Listener(Protocol):
    """Who asked. The answer's parts are `connection.head`, `.body` (what came since the last call) and `.done`."""

    def answered(self, connection: "Connection") -> None:
        """The head has come, with whatever came along."""

    def more(self, connection: "Connection") -> None:
        """More of the body, or its end."""

    def broke(self, error: Refusal) -> None:
        """There will be no answer, or no more of it."""

    def hold(self) -> None:
        """The service reads too slowly: send no more of the request."""

    def resume(self) -> None:
        """The service has caught up."""


class Connection(asyncio.Protocol):
    """`begin`, then `write` until `sent_all`, then back to the pool if `reusable`, else `abort`."""

    __slots__ = (
        "_answer_within", "_closed", "_deadline", "_head_only", "_listener", "_loop", "_on_lost", "_parser",
        "_paused", "_postponed", "_raw", "_served", "_stuck", "_told", "body", "done", "head", "idle_since",
        "keep", "retires_at", "sent_all", "status", "transport",
    )  # fmt: skip

    def __init__(self, on_lost: Callable[["Connection"], None], answer_within: float, postponed: Postponed) -> None:
        self._postponed = postponed
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._answer_within = answer_within
        self._parser = httptools.HttpResponseParser(self)
        self._listener: Listener | None = None
        self._closed = self._served = self._stuck = False
        self.idle_since = self.retires_at = 0.0
        self._reset()

    def _reset(self) -> None:
        self._head_only = self._told = self._paused = False
        self._deadline = 0.0
        self._raw = self.head = b""  # the head as it came, status line and all
        self.status = 0
        self.body: list[bytes] = []
        self.done = self.sent_all = False
        self.keep = True

    # The listener's side

    @property
    def usable(self) -> bool:
        return not self._closed and not self.transport.is_closing()

    @property
    def reusable(self) -> bool:
        return self.done and self.keep and self.sent_all and not self._paused and self.usable

    def begin(self, listener: Listener, data: bytes, *, head_only: bool, whole: bool) -> None:
        """Start an exchange with the request's head, and its body if `whole`."""
        self._reset()
        self._listener = listener
        self._head_only = head_only
        self.sent_all = whole
        self._deadline = self._loop.time() + self._answer_within
        self._postponed.add(self.transport.write, data)

    def write(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        self._deadline = self._loop.time() + self._answer_within
        self._postponed.add(self.transport.write, data)

    def end(self) -> None:
        """The exchange is over, or its listener is gone: nobody is told anything more."""
        self._listener = None

    def abort(self) -> None:
        self._listener = None
        self.transport.abort()

    def pause(self) -> None:
        """Read no more of the answer."""
        if not self._paused and not self.done and self.usable:
            self._paused = True
            self.transport.pause_reading()

    def unpause(self) -> None:
        if self._paused and self.usable:
            self._paused = False
            self._deadline = self._loop.time() + self._answer_within
            self.transport.resume_reading()

    def expire(self, now: float) -> None:
        """Called by the pool's sweep. While the client is still sending, its time is not the service's."""
        if self._listener is None or self._paused or now < self._deadline or not (self.sent_all or self._stuck):
            return
        self._fail(ServiceBroke() if self._told else ServiceTimeout())

    def _fail(self, error: Refusal) -> None:
        listener, self._listener = self._listener, None
        self.transport.abort()
        if listener is not None:
            listener.broke(error)

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        listener = self._listener
        if listener is None:  # nobody asked: whatever it answers, it must not become the answer to the next request
            self.transport.abort()
            return
        self._deadline = self._loop.time() + self._answer_within
        if not self._told:
            self._raw += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(ServiceBroke())
            return
        if self._told:
            listener.more(self)
        elif self.status:
            self._tell_head(listener)
        elif len(self._raw) > MAX_HEAD:
            self._fail(ServiceBroke())

    def _tell_head(self, listener: Listener) -> None:
        self._told = True
        raw = self._raw.lstrip(b"\r\n")
        while (interim := INTERIM.match(raw)) is not None:
            raw = raw[interim.end() :]
        end = raw.find(b"\r\n\r\n") + 2
        if not 2 < end <= MAX_HEAD:
            self._fail(ServiceBroke())
            return
        self.head, self._raw = raw[:end], b""
        listener.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._on_lost(self)
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if self._told and exc is None and not FRAMED.search(self.head):  # only the connection's end could end such an answer
            self.done = True
            listener.more(self)
        else:
            listener.broke(ServiceBroke(stale=self._served and not self._raw and not self._told))

    def pause_writing(self) -> None:
        self._stuck = True
        if self._listener is not None:
            self._listener.hold()

    def resume_writing(self) -> None:
        self._stuck = False
        if self._listener is not None:
            self._listener.resume()

    # The parser's side. It is not asked for headers: they are passed on as they came, less a few.

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self.done:
            return
        self.status = status
        self.keep = self._parser.should_keep_alive()
        if self._head_only:
            self._complete()
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for the body that a HEAD answer only describes

    def on_body(self, body: bytes) -> None:
        if self.done:
            self.keep = False
        else:
            self.body.append(body)

    def on_message_complete(self) -> None:
        if self.status and not self.done:
            self._complete()

    def on_message_begin(self) -> None:
        if self.done:  # more than was asked for
            self.keep = False

    def _complete(self) -> None:
        self.done = True
        self._served = True
