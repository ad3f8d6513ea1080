"""The connections to one service: few, kept, and never more than it can take; who finds none free waits in a bounded line."""

import asyncio
import ssl
from collections import deque
from urllib.parse import urlsplit

from gateway import metrics
from gateway.postponed import Postponed
from gateway.sweeper import Sweeper
from gateway.upstream.breaker import Breaker
from gateway.upstream.connection import Connection
from gateway.upstream.errors import ServiceBusy, ServiceUnavailable

MOST = 100  # connections
MOST_WAITING = 400
CONNECT_TIMEOUT = 1.0
WAIT_TIMEOUT = 5.0
KEPT_FOR = 60.0  # seconds; less than the services keep an idle connection, so that closing it is seldom a race


class Pool:
    """`acquire` a connection, and `release` it whatever happened."""

    def __init__(self, service: str, url: str, sweeper: Sweeper, postponed: Postponed, answer_within: float) -> None:
        parts = urlsplit(url)
        self.service = service
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.breaker = Breaker(service)
        self._postponed = postponed
        self._answer_within = answer_within
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gauge = metrics.upstream_connections.labels(service)
        sweeper.watch(self)

    def __len__(self) -> int:
        return len(self._all)

    def take(self) -> Connection | None:
        """An idle connection, the one used last first, so that a quiet pool shrinks."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection, a new one if `fresh`. Raises `ServiceUnavailable` or `ServiceBusy`."""
        loop = self._loop
        give_up_at = loop.time() + WAIT_TIMEOUT
        while True:
            if not fresh and (connection := self.take()) is not None:
                return connection
            if len(self._all) + self._connecting < MOST:
                return await self._connect(loop)
            await self._wait(loop, give_up_at)

    def release(self, connection: Connection) -> None:
        connection.end()
        if connection.reusable:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
            self._call_next()
        else:
            connection.abort()

    def sweep(self, now: float) -> None:
        for connection in tuple(self._all):
            connection.expire(now)
        while self._idle and now - self._idle[0].idle_since > KEPT_FOR:
            self._idle.pop(0).transport.close()
        self._gauge.set(len(self._all))
        metrics.breaker_open.labels(self.service).set(self.breaker.open)

    def close(self) -> None:
        for connection in tuple(self._all):
            connection.transport.close()

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        if not self.breaker.allows(loop.time()):
            raise ServiceUnavailable
        self._connecting += 1
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._lost, self._answer_within, self._postponed), self.host, self.port, ssl=self.tls
                )
        except (OSError, TimeoutError) as error:
            self.breaker.failed(loop.time())
            raise ServiceUnavailable from error
        finally:
            self._connecting -= 1
        self.breaker.succeeded()
        self._all.add(connection)
        return connection

    async def _wait(self, loop: asyncio.AbstractEventLoop, give_up_at: float) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise ServiceBusy
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(give_up_at):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                self._call_next()  # it was our turn: pass it on
            if isinstance(error, TimeoutError):
                raise ServiceBusy from None
            raise

    def _call_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._call_next()
