"""A client connection: bounds what a client may make us hold and for how long, and runs one request at a time."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools

from gateway.server.cycle import Cycle
from gateway.server.reader import Head, Refused, RequestReader
from gateway.sweeper import Sweeper
from shared import logs

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

HIGH_WATER = 65_536  # bytes of request body held before the client is made to wait
MAX_WAITING = 32  # pipelined requests held behind the one that is being answered
LINGER = 2.0  # seconds in which a client that was answered early may still be writing
LAST_CALL = 0.5  # seconds an idle connection lives on in a draining process: a request may be on its way
SERVER_ERROR = Refused(500, "Something went wrong here.", "internal_error").answer
log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a client may take: to send a head, to send more of a body, to read more of an answer, between two requests."""

    head: float = 10.0
    body: float = 30.0
    reading: float = 60.0
    idle: float = 75.0


@dataclass(frozen=True, slots=True)
class EdgeState:
    """What the client connections of a process share; the application puts it into its lifespan state as `edge`."""

    sweeper: Sweeper
    patience: Patience


class EdgeProtocol(asyncio.Protocol):
    """Served by uvicorn in place of its own protocol class, which bounds neither heads nor the time they take."""

    _date: tuple[object, bytes] = (None, b"")

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self._server = server_state
        self._edge: EdgeState = app_state["edge"]
        self._scheme = "https" if config.is_ssl else "http"
        self._reader = RequestReader(self._on_head, self._on_body, self._on_end)
        self._parsing: Cycle | None = None  # whose body is being read
        self._active: Cycle | None = None  # who is being answered
        self._waiting: deque[Cycle] = deque()
        self._last_words = b""  # a refusal to be sent when everything before it has been answered
        self._deaf = False  # whatever else the client sends is thrown away
        self._paused = False
        self._since = self.loop.time()  # the last time something arrived, or an answer ended
        self._head_since = self._stuck_since = 0.0
        self.draining = False
        self.writing: asyncio.Future[None] | None = None  # pending while the client reads too slowly

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self._server.connections.add(self)  # type: ignore[arg-type]  # its union names only its own
        self._edge.sweeper.watch(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._server.connections.discard(self)
        self._edge.sweeper.forget(self)
        self._deaf = True
        self._waiting.clear()
        self.resume_writing()
        if self._active is not None:
            self._active.disconnected = True
            self._active.wake()
            if self._active.task is not None and not self._active.complete:
                self._active.task.cancel()
        self._active = self._parsing = None

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._since = self.loop.time()
        was_in_head = self._reader.in_head
        try:
            self._reader.feed(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except Refused as refused:
            self._refuse(refused)
        if self._reader.in_head and not was_in_head:
            self._head_since = self._since

    def pause_writing(self) -> None:
        self.writing = self.loop.create_future()
        self._stuck_since = self.loop.time()

    def resume_writing(self) -> None:
        if self.writing is not None:
            self.writing.set_result(None)
            self.writing = None

    def resume_reading(self) -> None:
        if self._paused and not self._waiting:
            self._paused = False
            self.transport.resume_reading()

    def touch(self) -> None:
        """The client's time starts anew: it could not have sent anything sooner."""
        self._since = self.loop.time()

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    # The parser's side

    def _on_head(self, head: Head) -> None:
        if self._deaf:
            return
        if len(self._waiting) >= MAX_WAITING:
            raise Refused(429, "Too many requests were sent without waiting for an answer.", "too_many_pipelined")
        path, _, query = head.target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.version,
            "method": head.method,
            "scheme": self._scheme,
            "path": "",
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": head.headers,
            "client": self._client,
            "extensions": {},
        }
        scope["path"] = unquote(path) if b"%" in path else path.decode("ascii")
        self._parsing = cycle = Cycle(self, head, scope)
        if head.upgrade:
            cycle.keep_alive = False
            scope["extensions"]["gateway.takeover"] = self._takeover
        if self._active is None:
            self._start(cycle)
        else:
            self._waiting.append(cycle)
            self._pause_reading()

    def _on_body(self, body: bytes) -> None:
        cycle = self._parsing
        if cycle is None or cycle.complete or self._deaf:
            return
        cycle.body.append(body)
        cycle.buffered += len(body)
        if cycle.buffered > HIGH_WATER:
            self._pause_reading()
        cycle.wake()

    def _on_end(self) -> None:
        cycle, self._parsing = self._parsing, None
        if cycle is not None:
            cycle.more_body = False
            cycle.wake()

    def _upgraded(self, rest: bytes) -> None:
        """No further HTTP is read from this connection, whether or not somebody takes it over."""
        self._deaf = True
        last = self._waiting[-1] if self._waiting else self._active
        if last is not None:
            last.tail = rest

    # Requests

    def _start(self, cycle: Cycle) -> None:
        self._active = cycle
        cycle.task = task = self.loop.create_task(cycle.run())
        self._server.tasks.add(task)
        task.add_done_callback(self._finished)

    def answered(self, cycle: Cycle) -> None:
        """`cycle` sent the last of its response: what comes next on this connection?"""
        self._server.total_requests += 1
        self._since = self.loop.time()
        if cycle is not self._active:
            return
        self._active = None
        if not cycle.keep_alive:
            self._end(lingering=cycle.more_body)
        elif self._waiting:
            self._start(self._waiting.popleft())
        elif self._last_words:
            self.transport.write(self._last_words)
            self._end(lingering=True)
        else:
            self.resume_reading()

    def _finished(self, task: asyncio.Task[None]) -> None:
        """The application returned: an answer it left open cannot be ended properly, so the connection is cut."""
        self._server.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("request_failed", exc_info=error)
        cycle = self._active
        if cycle is None or cycle.task is not task:
            return
        if not cycle.started and not task.cancelled():
            self.transport.write(SERVER_ERROR)
            self._active = None
            self._end(lingering=True)
        else:
            self.transport.abort()

    def _refuse(self, refused: Refused) -> None:
        """Answer after everything before it was answered; a response already begun for the same request is cut."""
        guilty, self._parsing = self._parsing, None
        self._deaf = True
        if guilty is not None and guilty in self._waiting:
            self._waiting.remove(guilty)
            guilty = None
        if guilty is None and self._active is not None:
            self._last_words = refused.answer
            return
        if guilty is not None and guilty.started:
            self.transport.abort()
            return
        if guilty is not None and guilty.task is not None:
            guilty.task.cancel()
        self._active = None
        self.transport.write(refused.answer)
        self._end(lingering=True)

    def _end(self, *, lingering: bool) -> None:
        """Close; when the client may still be writing, only our side first: a reset would destroy what it has not read yet."""
        self._deaf = True
        self._since = self.loop.time()
        if lingering and self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
            self._paused = False
            self.transport.resume_reading()
        else:
            self.transport.close()

    def _takeover(self, successor: asyncio.Protocol) -> tuple[asyncio.Transport, bytes]:
        """Hand the connection of an upgrade request to another protocol, with the bytes that arrived behind its head."""
        cycle = self._active
        if cycle is None:
            raise ConnectionError("the client has left")
        cycle.started = cycle.complete = True
        self._active = None
        self._edge.sweeper.forget(self)
        self._server.connections.discard(self)
        self.transport.set_protocol(successor)
        return self.transport, cycle.tail

    # Time

    def shutdown(self) -> None:
        """Called by uvicorn when the process drains: answers from now on end their connection, idle ones get a last call."""
        self.draining = True
        self._since = self.loop.time()

    def sweep(self, now: float) -> None:
        patience, quiet = self._edge.patience, now - self._since
        if self.writing is not None:
            if now - self._stuck_since > patience.reading:
                self.transport.abort()
        elif self._deaf:
            if self._active is None and quiet > LINGER:
                self.transport.abort()
        elif self._reader.in_head:
            if now - self._head_since > patience.head:
                self._refuse(Refused(408, "The request took too long to arrive.", "request_timeout"))
        elif self._active is None:
            if quiet > (LAST_CALL if self.draining else patience.idle):
                self.transport.close()
        elif self._active.hungry and quiet > patience.body:
            self._refuse(Refused(408, "The request's body took too long to arrive.", "request_timeout"))

    def date_line(self) -> bytes:
        """The Date header that uvicorn renews once a second, rendered once for all connections."""
        headers = self._server.default_headers
        if EdgeProtocol._date[0] is not headers:
            EdgeProtocol._date = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return EdgeProtocol._date[1]
