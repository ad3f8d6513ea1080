"""Passes one request to a service and its answer back, both as they come; the slower side sets the pace."""

from typing import TYPE_CHECKING

from gateway import metrics
from gateway.incoming import head_for_service
from gateway.outgoing import passed_on
from gateway.routes import BODY
from gateway.server.status import NO_BODY
from gateway.upstream.connection import Connection
from gateway.upstream.errors import BodyTooLarge, ServiceBroke, ServiceBusy
from shared.errors import Refusal

if TYPE_CHECKING:
    from gateway.exchange import Exchange

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
LAST_CHUNK = b"0\r\n\r\n"
MOST_KEPT = 65_536  # bytes of a request held for a second attempt
MOST_GATHERED = 65_536  # bytes of an awaited body; what comes beyond is taken from what all such bodies may have together
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Passage:
    """Listens to both connections: the exchange tells it of the client, the upstream connection of the service."""

    chunked = False  # towards the client
    again = False  # this is the second attempt
    gathering = False  # the request's body, before a connection is taken: a slow client must not keep one busy
    gathered = borrowed = 0  # bytes of it, and those beyond `MOST_GATHERED`
    arriving = False  # it has one of the connections on which a request may go that is still coming
    ended = False  # the last chunk of the request is among what has been sent
    sent = 0  # bytes of the request's body
    slow_service = False
    connection: Connection | None = None
    kept: bytes | None = None  # what has been sent, while it may have to be sent again

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._request = exchange.request
        self._pool = exchange.front.pools[exchange.route.service]
        self._most = exchange.route.body

    @property
    def hungry(self) -> bool:
        """Whether more of the request's body could be taken now."""
        return self.gathering or (self.connection is not None and not self.slow_service)

    def begin(self) -> None:
        length, exchange = self._request.length, self._exchange
        if length is not None and length > self._most:
            exchange.refuse(BodyTooLarge())
        elif not exchange.more_body:
            self._take_connection()
        elif self._most <= BODY or (length is not None and length <= MOST_GATHERED):
            self.gathering = True
            self.gathered = exchange.held
            self._ask_for_body()
        else:
            exchange.run(self._connect(fresh=False))

    def _take_connection(self) -> None:
        connection = self._pool.take()
        if connection is None:
            self._exchange.run(self._connect(fresh=False))
        else:
            self._send(connection)

    def end(self) -> None:
        """The exchange is over, one way or another."""
        connection, self.connection = self.connection, None
        if connection is not None:
            self._pool.release(connection)
        if self.arriving:
            self._arrived()
        elif self.borrowed:
            self._exchange.pieces.clear()
            self._exchange.front.allowance.give_back(self.borrowed)

    def _arrived(self) -> None:
        """The request is whole, or will never be."""
        self.arriving = False
        self._pool.arriving.release()

    async def _connect(self, *, fresh: bool) -> None:
        if self._exchange.more_body and not self.arriving:
            await self._pool.admit_arriving()
            self.arriving = True
            if not self._exchange.more_body:  # what was left had been read when we began to wait
                self._arrived()
        connection = await self._pool.acquire(fresh=fresh)
        if self._exchange.over:
            self._pool.release(connection)
        else:
            self._send(connection)

    def _send(self, connection: Connection) -> None:
        exchange, request = self._exchange, self._request
        self.connection = connection
        whole = not exchange.more_body
        body = self._body_so_far()
        data = (self.kept or head_for_service(request, exchange.client, exchange.path)) + body
        if self.sent > self._most:
            exchange.refuse(BodyTooLarge())
            return
        if request.method in IDEMPOTENT:
            self.kept = data
        connection.begin(self, data, head_only=request.method == "HEAD", whole=whole)
        if not whole:
            self._ask_for_body()
        elif exchange.held:
            exchange.protocol.resume_reading()

    def _ask_for_body(self) -> None:
        if self._request.expects_100:
            self._request.expects_100 = False
            self._exchange.protocol.write(CONTINUE)
        self._exchange.protocol.resume_reading()

    def _body_so_far(self) -> bytes:
        exchange = self._exchange
        body = b"".join(exchange.pieces)
        exchange.pieces.clear()
        self.sent += len(body)
        if self._request.length is not None:
            return body
        before, self.ended = self.ended, not exchange.more_body
        return _chunk(body) + (LAST_CHUNK if self.ended and not before else b"")

    # The client's side

    def take_body(self, piece: bytes) -> None:
        if self.gathering:
            self._gather(piece)
            return
        connection = self.connection
        if connection is None:
            self._exchange.keep(piece)
            self._exchange.protocol.pause_reading()
            return
        self.sent += len(piece)
        if self.sent > self._most:
            self._give_up(BodyTooLarge())
            return
        piece = piece if self._request.length is not None else _chunk(piece)
        connection.write(piece)
        self._keep(piece)

    def _gather(self, piece: bytes) -> None:
        self._exchange.keep(piece)
        self.gathered += len(piece)
        if self.gathered > MOST_GATHERED:
            self._borrow()

    def _borrow(self) -> None:
        more = self.gathered - MOST_GATHERED - self.borrowed
        if self.gathered > self._most:
            self._exchange.refuse(BodyTooLarge())
        elif self._exchange.front.allowance.take(more):
            self.borrowed += more
        else:
            self._exchange.refuse(ServiceBusy())

    def end_body(self) -> None:
        connection = self.connection
        if self.arriving:
            self._arrived()
        if connection is not None:
            if self._request.length is None:
                self.ended = True
                connection.write(LAST_CHUNK)
                self._keep(LAST_CHUNK)
            connection.sent_all = True
        elif self.gathering:
            self.gathering = False
            self._take_connection()

    def _keep(self, piece: bytes) -> None:
        if self.kept is not None:
            self.kept = self.kept + piece if len(self.kept) < MOST_KEPT else None

    def hold_answer(self) -> None:
        if self.connection is not None:
            self.connection.pause()

    def resume_answer(self) -> None:
        if self.connection is not None:
            self.connection.unpause()

    # The service's side (see `Listener`)

    def answered(self, connection: Connection) -> None:
        exchange, status = self._exchange, connection.status
        headers, sized = passed_on(connection.head)
        body = _taken(connection)
        if not sized and self._request.method != "HEAD" and status not in NO_BODY:
            if self._request.version == "1.1":
                self.chunked = True
                headers += b"transfer-encoding: chunked\r\n"
                body = _chunk(body) + (LAST_CHUNK if connection.done else b"")
            else:
                exchange.keep_alive = False
        exchange.write_head(status, headers, body)
        if connection.done:
            exchange.finish()

    def more(self, connection: Connection) -> None:
        body = _taken(connection)
        if self.chunked:
            body = _chunk(body) + (LAST_CHUNK if connection.done else b"")
        if body:
            self._exchange.protocol.write(body)
        if connection.done:
            self._exchange.finish()

    def broke(self, error: Refusal) -> None:
        self.connection, self.slow_service = None, False
        if self._exchange.started:
            self._exchange.cut(502)
        elif isinstance(error, ServiceBroke) and error.stale and self.kept and not self.again:
            self.again = True
            metrics.retries.labels(self._pool.service).inc()
            self._exchange.run(self._connect(fresh=True))
        else:
            self._exchange.refuse(error)

    def hold(self) -> None:
        self.slow_service = True
        self._exchange.protocol.pause_reading()

    def resume(self) -> None:
        self.slow_service = False
        self._exchange.protocol.resume_reading()

    def _give_up(self, refusal: Refusal) -> None:
        if self._exchange.started:
            self._exchange.cut(refusal.status)
        else:
            self._exchange.refuse(refusal)


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""


def _taken(connection: Connection) -> bytes:
    pieces = connection.body
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return body
