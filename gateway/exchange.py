"""One request on its way through the gateway: where it goes, whether it may, who answers, and what is noted in the end."""

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from gateway.guard import too_many
from gateway.limits.rate import Rate, Verdict
from gateway.outgoing import NOTHING_LOADED, common, limits
from gateway.passage import Passage
from gateway.routes import NOBODYS, UNLIMITED, Access
from gateway.server.protocol import EdgeProtocol
from gateway.server.request import Request
from gateway.server.status import NO_BODY, STATUS_LINES
from shared import logs
from shared.errors import BadRequest, NotFound, Refusal
from shared.tokens import Claims

if TYPE_CHECKING:
    from gateway.front import Front
    from gateway.routes import Route

HIGH_WATER = 65_536  # bytes of a request's body held while nobody takes them
SMALL = 512  # bytes; of pieces of two bytes, an object for each would take twenty times as much
MOST_COPIED = 65_536  # bytes; a larger page of our own stays one object, however many are slow to read it
JSON = b"application/json"
PUBLIC = Access.PUBLIC
log = logs.get(__name__)


class BadPath(BadRequest):
    detail = "This address could be read in two ways."


class InternalError(Refusal):
    status = 500
    detail = "Something went wrong on our side."


class Exchange:
    """The turn of one request on a client connection. Everything happens in callbacks: a task per request, and a future per wait,
    cost as much as all the rest. Tasks are for what is rare: a token not seen before, a connection to be made, our own pages."""

    tail = b""
    started = complete = over = False
    more_body = keep_alive = True
    user_id: int | None = None
    status = 0
    service, template = "gateway", "unmatched"
    path = ""
    extra = b""
    passage: Passage | None = None
    route: "Route"
    task: asyncio.Task[None] | None = None
    refusal: Refusal | None = None  # why this request may not pass, once it has been counted
    rate: Rate | None = None
    held = 0
    waited = 0.0

    def __init__(self, front: "Front", protocol: EdgeProtocol, request: Request) -> None:
        self.front, self.protocol, self.request = front, protocol, request
        self.pieces: list[bytes] = []
        self.began_at = time.perf_counter()

    # The client connection's side (see `Turn`)

    def begin(self) -> None:
        request, front = self.request, self.front
        self.client = client = front.client(self.protocol, request)
        if not request.request_id:
            request.request_id = front.new_id()
        self.extra = common(request, front.cors, https=client.scheme == "https")
        self._route()

    def take_body(self, piece: bytes) -> None:
        if self.passage is not None:
            self.passage.take_body(piece)
            return
        self.keep(piece)
        self.held += len(piece)
        if self.held > HIGH_WATER:
            self.protocol.pause_reading()

    def keep(self, piece: bytes) -> None:
        """Hold a piece of the body, joined to the one before it if that is small."""
        pieces = self.pieces
        if pieces and len(pieces[-1]) < SMALL:
            pieces[-1] += piece
        else:
            pieces.append(piece)

    def end_body(self) -> None:
        if self.passage is not None:
            self.passage.end_body()

    def hold(self) -> None:
        if self.passage is not None:
            self.passage.hold_answer()

    def resume(self) -> None:
        if self.passage is not None:
            self.passage.resume_answer()

    def abandon(self, status: int) -> None:
        if not self.over:
            self.status = status
            self._finish()

    @property
    def hungry(self) -> bool:
        return self.more_body and self.passage is not None and self.passage.hungry

    @property
    def received(self) -> int:
        return 0 if self.passage is None else self.passage.sent + sum(map(len, self.pieces))

    # Where it goes

    def _route(self) -> None:
        request, front = self.request, self.front
        if request.preflight and request.origin and request.method == "OPTIONS":
            self.reply(204, b"", front.cors.preflight(request.origin))
            return
        found = front.routes.lookup(request.target.partition(b"?")[0])
        self.path, route = found if found is not None else ("", None)
        if route is not None:
            self.route, self.template, self.service = route, route.template, route.service
            self._identify()
        elif front.own.owns(self.path):
            self.template = "own"
            self.run(self._answer_ourselves())
        else:
            self.route = NOBODYS
            self._count(None, BadPath() if found is None else NotFound())

    # Whether it may

    def _identify(self) -> None:
        try:
            known = self.front.guard.recall(self.route, self.request)
        except Refusal as refusal:
            self._count(None, refusal)
            return
        if isinstance(known, str):
            self.run(self._verify(known))
        else:
            self._count(known, None)

    async def _verify(self, token: str) -> None:
        try:
            claims = await self.front.guard.verifier.verify(token)
        except Refusal as refusal:
            self._count(None, refusal)
        else:
            self._count(claims, None)

    def _count(self, claims: Claims | None, refusal: Refusal | None) -> None:
        if claims is not None:
            self.user_id = claims.user_id
        if refusal is not None and self.route.needs(self.request.method) is not PUBLIC:
            self.refusal = refusal
        if self.route.rate is UNLIMITED:
            self.route = self.route.for_method(self.request.method)
        self.rate = rate = self.front.guard.rate(self.route)
        if rate is None:
            self._admit()
        else:
            self.front.guard.limiter.check(self.route.counted_as(self.user_id, self.client.key), rate, self._counted)

    def _counted(self, verdict: Verdict) -> None:
        if self.over:
            return
        try:
            if self.rate is not None:
                self.extra += limits(self.rate, verdict)
            if not verdict.allowed:
                self.refusal = too_many(self.route, verdict)
            self._admit()
        except Exception:
            self._fail()

    def _admit(self) -> None:
        if self.refusal is not None:
            self.refuse(self.refusal)
        elif self.route.websocket:
            self.run(self.front.tunnels.open(self))
        else:
            self.passage = Passage(self)
            self.passage.begin()

    # Who answers

    async def _answer_ourselves(self) -> None:
        page = await self.front.own.serve(self.path, self.request, self.protocol.peer)
        self.reply(page.status, page.body, page.headers, page.content_type)

    def refuse(self, refusal: Refusal) -> None:
        headers = "".join(f"{name.lower()}: {value}\r\n" for name, value in refusal.headers.items())
        self.reply(refusal.status, json.dumps(refusal.body()).encode(), headers.encode())

    def reply(self, status: int, body: bytes, headers: bytes = b"", content_type: bytes = JSON) -> None:
        """Answer ourselves."""
        if self.over:
            return
        if status not in NO_BODY:
            headers += b"content-type: %b\r\ncontent-length: %d\r\n" % (content_type, len(body))
        if b"content-security-policy" not in headers:
            headers += NOTHING_LOADED
        self.write_head(status, headers, b"" if self.request.method == "HEAD" else body)
        self.finish()

    def write_head(self, status: int, headers: bytes, body: bytes) -> None:
        """Begin the answer, with the first of its body."""
        self.started = True
        self.status = status
        self.keep_alive = self.keep_alive and self.protocol.keeps(self)
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        apart = len(body) > MOST_COPIED
        parts = (STATUS_LINES[status], self.protocol.date_line(), headers, self.extra, end, b"" if apart else body)
        self.protocol.write(b"".join(parts))
        if apart:
            self.protocol.write(body)

    # The end

    def finish(self) -> None:
        """The answer has been written to its end."""
        self.complete = True
        self._finish()
        self.protocol.answered(self)

    def cut(self, status: int) -> None:
        """The answer broke off in the middle."""
        self.status = status
        self._finish()
        self.protocol.cut()

    def took_over(self) -> None:
        """The connection is somebody else's now."""
        self.started = self.complete = True
        self.status = 101
        self._finish()

    def _finish(self) -> None:
        self.over = True
        if self.passage is not None:
            self.passage.end()
            self.passage = None  # or the two would wait for each other until the garbage collector comes
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
        self.front.note(self, time.perf_counter() - self.began_at)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = self.protocol.loop.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            self._fail()

    def _fail(self) -> None:
        """The exception being handled is our own fault."""
        request_id = self.request.request_id.decode()
        log.exception("request_failed", request_id=request_id)
        if self.over:
            return
        if self.started:
            self.cut(500)
        else:
            self.refuse(InternalError(f"Something went wrong on our side (request {request_id})."))
