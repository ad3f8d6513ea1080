"""A client connection: bounds what a client may make us hold and for how long, and answers one request at a time."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import httptools

from gateway.clients import Client
from gateway.server.edge import LEAST_RATE, EdgeState
from gateway.server.lag import Lag
from gateway.server.reader import RequestReader
from gateway.server.refused import Refused
from gateway.server.request import Request
from gateway.server.turn import Turn
from gateway.sweeper import EVERY

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

MAX_WAITING = 32  # pipelined requests held behind the one that is being answered
DRAINABLE = 65_536  # bytes of unread request body worth reading to keep a connection that was answered early
SOON = b"retry-after: 1\r\n"
LINGER = 5.0  # seconds for which a client that was answered early may fall silent: it is still writing, and has not read
LONGEST_LINGER = 30.0  # and for which it may be writing at all
CLIENT_GONE = 499  # as proxies note it; nobody receives it
LAST_CALL = 2.0  # seconds an idle connection lives on in a draining process: a request may be on its way


class EdgeProtocol(asyncio.Protocol):
    """Served by uvicorn in place of its own protocol class."""

    _date: tuple[object, bytes] = (None, b"")

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.scheme = "https" if config.is_ssl else "http"
        self._server = server_state
        self._edge: EdgeState = app_state["edge"]
        self._reader = RequestReader(self._on_request, self._on_body, self._on_end)
        self._parsing: Turn | None = None  # whose body is being read
        self._active: Turn | None = None  # who is being answered
        self._waiting: deque[Turn] = deque()
        self._last_words = b""  # a refusal to be sent when everything before it has been answered
        self._deaf = False  # whatever else the client sends is thrown away
        self._paused = False
        self._lag = Lag()
        self._since = self.loop.time()  # the last time something of a request arrived, or an answer ended
        self._head_since, self._ended_at = 0.0, math.inf
        self.draining = False
        self.client: Client | None = None  # who it is, once it is known
        self.leave: Callable[[], None] = _nothing  # gives back the place that the connection has among all

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else "127.0.0.1"
        leave = self._edge.doors.enter(self.peer)
        if leave is None:
            self._deaf = True
            self.transport.abort()
            return
        self.leave = leave
        self._server.connections.add(self)  # type: ignore[arg-type]  # its union names only its own
        self._edge.sweeper.watch(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._forget()
        self.leave()
        self._deaf = True
        self._waiting.clear()
        active, self._active, self._parsing = self._active, None, None
        if active is not None:
            active.abandon(CLIENT_GONE)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._since = self.loop.time()
            return
        was_in_head = self._reader.in_head
        try:
            self._reader.feed(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except Refused as refused:
            self._refuse(refused)
        if self._waiting or self._reader.in_head or self._parsing is not None:  # empty lines keep no connection open
            self._since = self.loop.time()
        if self._waiting:
            if self._active is None and not self._lag.stuck:
                self._next()
            else:
                self.pause_reading()
        if self._reader.in_head and not was_in_head:
            self._head_since = self._since

    def pause_writing(self) -> None:
        self._lag.begin(self.loop.time(), self.transport.get_write_buffer_size())
        if self._active is not None:
            self._active.hold()

    def resume_writing(self) -> None:
        self._lag.end(self.loop.time(), self.transport.get_write_buffer_size())
        if self._active is not None:
            self._active.resume()
            return
        self._lag.forgive()
        if self._waiting:
            self._next()
        else:
            self.resume_reading()

    def write(self, data: bytes) -> None:
        self._edge.postponed.add(self.transport.write, data)

    def pause_reading(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The client's time starts anew: it could not have sent anything sooner."""
        self._since = self._head_since = self.loop.time()
        if self._paused and not self._waiting and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    # The parser's side

    def _on_request(self, request: Request) -> None:
        if self._deaf:
            return
        if len(self._waiting) >= MAX_WAITING:
            raise Refused(429, "Too many requests were sent without waiting for an answer.", "too_many_pipelined", SOON)
        self._parsing = turn = self._edge.answer(self, request)
        self._waiting.append(turn)

    def _on_body(self, body: bytes) -> None:
        turn = self._parsing
        if turn is not None and not turn.complete:
            turn.take_body(body)

    def _on_end(self) -> None:
        turn, self._parsing = self._parsing, None
        if turn is not None:
            turn.more_body = False
            if not turn.complete:
                turn.end_body()

    def _upgraded(self, rest: bytes) -> None:
        """No further HTTP is read from this connection, whether or not somebody takes it over."""
        self._deaf = True
        if self._waiting:
            self._waiting[-1].tail = rest
            self._waiting[-1].request.keep_alive = False

    # Turns

    def _next(self) -> None:
        """Requests are begun when all that arrived with them has been read: most are whole by then."""
        self._active = self._waiting.popleft()
        if self._waiting:
            self.pause_reading()
        self._active.begin()

    def keeps(self, turn: Turn) -> bool:
        """Whether the connection can live on after this answer."""
        if self.draining or not turn.request.keep_alive:
            return False
        return not turn.more_body or self._drainable(turn.request)

    def _drainable(self, request: Request) -> bool:
        """Whether what is left of the request is worth reading: a client still waiting for `100 Continue` may never send it."""
        return not request.expects_100 and request.length is not None and request.length <= DRAINABLE

    def answered(self, turn: Turn) -> None:
        """`turn` wrote the last of its answer: what comes next on this connection?"""
        self._server.total_requests += 1
        self._since = self.loop.time()
        if turn is not self._active:
            return
        self._active = None
        if not turn.keep_alive:
            self._end(lingering=turn.more_body)
        elif self._waiting:
            self.loop.call_soon(self._go_on)  # not from here: a long line of short answers would nest as deep
        elif self._last_words:
            self.write(self._last_words)
            self._end(lingering=True)
        elif self._paused and not self._lag.stuck:
            self.resume_reading()

    def _go_on(self) -> None:
        """A client that does not read what it was answered is answered nothing more: `resume_writing` goes on."""
        if self._active is None and self._waiting and not self._lag.stuck:
            self._next()

    def cut(self) -> None:
        """An answer cannot be finished, and the client must not take it for whole."""
        self._active = None
        self.transport.abort()

    def _refuse(self, refused: Refused) -> None:
        """Answer after everything before it was answered; an answer already begun to the same request is cut."""
        guilty, self._parsing = self._parsing, None
        self._deaf = True
        if guilty is not None and guilty in self._waiting:
            self._waiting.remove(guilty)
            guilty = None
        answer = self._edge.refuse(self, refused, guilty)
        if guilty is None and (self._active is not None or self._waiting):
            self._last_words = answer
            return
        self._active = None
        if guilty is not None:
            guilty.abandon(refused.status)
            if guilty.started:
                self.transport.abort()
                return
        self.write(answer)
        self._end(lingering=True)

    def _end(self, *, lingering: bool) -> None:
        """Close; when the client may still be writing, only our side first: a reset would destroy what it has not read yet."""
        self._deaf = True
        self._waiting.clear()
        self._since = self._ended_at = self.loop.time()
        self._edge.postponed.add(self._half_close if lingering else self.transport.close)

    def _half_close(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.write_eof()
        self._paused = False
        self.transport.resume_reading()

    def takeover(self, successor: asyncio.Protocol) -> asyncio.Transport:
        """Hand the connection of an upgrade request to another protocol, which calls `leave` when it is lost."""
        self._active = None
        self._forget()
        self.transport.set_protocol(successor)
        if self._paused:  # for what stood before it
            self.transport.resume_reading()
        return self.transport

    def _forget(self) -> None:
        self._edge.sweeper.forget(self)
        self._server.connections.discard(self)

    # Time

    def shutdown(self) -> None:
        """Called by uvicorn when the process drains: answers from now on end their connection, idle ones get a last call."""
        self.draining = True
        self._since = self.loop.time()

    def sweep(self, now: float) -> None:
        patience, quiet = self._edge.patience, now - self._since
        if self._lag.stuck:
            if self._lag.seconds(now, self.transport.get_write_buffer_size()) > patience.reading:
                self.transport.abort()
        elif self._deaf:
            if self._active is None and (quiet > LINGER or now - self._ended_at > LONGEST_LINGER):
                self.transport.abort()
        elif self._reader.in_head:
            if now - self._head_since > patience.head and not self._paused:
                self._refuse(Refused(408, "The request took too long to arrive.", "request_timeout"))
        elif self._active is None:
            if quiet > (LAST_CALL if self.draining else patience.idle):
                self.transport.close()
        elif self._active.hungry:
            self._wait_for_body(self._active, quiet)

    def _wait_for_body(self, turn: Turn, quiet: float) -> None:
        """A body must not stop coming, nor take much longer than its size does at the least rate."""
        turn.waited += EVERY
        if max(quiet, turn.waited - turn.received / LEAST_RATE) > self._edge.patience.body:
            self._refuse(Refused(408, "The request's body took too long to arrive.", "request_timeout"))

    def date_line(self) -> bytes:
        """The Date header that uvicorn renews once a second, rendered once for all connections."""
        headers = self._server.default_headers
        if EdgeProtocol._date[0] is not headers:
            EdgeProtocol._date = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return EdgeProtocol._date[1]


def _nothing() -> None:
    """Who never came in has no place to leave."""
