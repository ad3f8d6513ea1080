"""Passes one request to a service and its answer back, both as they come, holding no more than a piece of either."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway import metrics
from gateway.answers import Receive, Send
from gateway.inbound import Inbound, outbound_head
from gateway.outbound import Headers, passed_on
from gateway.routes import Route
from gateway.upstream.connection import Connection
from gateway.upstream.errors import BodyTooLarge, ServiceBroke
from gateway.upstream.pool import Pool
from gateway.visit import Visit
from shared.errors import Refusal

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
Pump = Callable[[Connection], Awaitable[None]]


class AnswerCut(Exception):
    """The service failed in the middle of its answer, which therefore cannot be finished."""


class ClientGone(Exception):
    """The client left before it had sent its request."""


async def forward(pool: Pool, route: Route, visit: Visit, path: str, receive: Receive, send: Send) -> int:
    """Gives back the answer's status. Raises `Refusal` while nothing has been sent to the client, and `AnswerCut` after that."""
    inbound, headers = visit.inbound, visit.headers
    if inbound.length is not None and inbound.length > route.body:
        raise BodyTooLarge
    head = outbound_head(inbound, visit.client, path)
    body, more = await _first_piece(inbound, receive)
    sent = len(body)
    if sent > route.body:
        raise BodyTooLarge
    if inbound.length is None:
        body = _chunk(body) + (b"" if more else b"0\r\n\r\n")
    fresh = False
    while True:
        connection = await pool.acquire(fresh=fresh)
        try:
            connection.begin(head + body, head_only=inbound.method == "HEAD", whole=not more)
            if not more:
                await connection.head()
                return await _answer(connection, send, headers)
            return await _exchange(connection, _Upload(inbound, route, receive, sent), send, headers)
        except ServiceBroke as broke:
            if not broke.stale or fresh or more or inbound.method not in IDEMPOTENT:
                raise
            fresh = True
            metrics.retries.labels(pool.service).inc()
        finally:
            pool.release(connection)


async def _first_piece(inbound: Inbound, receive: Receive) -> tuple[bytes, bool]:
    if not inbound.has_body:
        return b"", False
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message["body"], message["more_body"]


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""


class _Upload:
    """The rest of a request's body, on its way."""

    def __init__(self, inbound: Inbound, route: Route, receive: Receive, sent: int) -> None:
        self._chunked = inbound.length is None
        self._most = route.body
        self._receive = receive
        self._sent = sent

    async def run(self, connection: Connection) -> None:
        more = True
        while more:
            message: Any = await self._receive()
            if message["type"] == "http.disconnect":
                connection.fail(ServiceBroke())
                return
            body, more = message["body"], message["more_body"]
            self._sent += len(body)
            if self._sent > self._most:
                connection.fail(BodyTooLarge())
                return
            if self._chunked:
                body = _chunk(body) + (b"" if more else b"0\r\n\r\n")
            await connection.write(body)
        connection.sent_all = True


async def _exchange(connection: Connection, upload: _Upload, send: Send, headers: Headers) -> int:
    """Both directions at once: a service may answer before it has read everything."""
    task = asyncio.create_task(upload.run(connection))
    try:
        await connection.head()
        return await _answer(connection, send, headers)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _answer(connection: Connection, send: Send, headers: Headers) -> int:
    status = connection.status
    await send({"type": "http.response.start", "status": status, "headers": passed_on(connection.headers, headers)})
    while True:
        try:
            piece = await connection.read()
        except Refusal as error:
            raise AnswerCut from error
        more = not connection.done
        await send({"type": "http.response.body", "body": piece, "more_body": more})
        if not more:
            return status
