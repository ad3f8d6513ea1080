"""The connections to one service: few, kept, and never more than it can take; who finds none free waits in a bounded line."""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from gateway import metrics
from gateway.postponed import Postponed
from gateway.sweeper import Sweeper
from gateway.upstream.addresses import Addresses
from gateway.upstream.breaker import Breaker
from gateway.upstream.connection import Connection
from gateway.upstream.errors import ServiceBusy, ServiceUnavailable

MOST = 100  # connections
MOST_ARRIVING = 40  # of them for requests that are still coming: slow clients must leave some to the others
MOST_WAITING = 400
CONNECT_TIMEOUT = 1.0
WAIT_TIMEOUT = 5.0
KEPT_FOR = 60.0  # seconds; less than the services keep an idle connection, so that closing it is seldom a race
GREATEST_AGE = 30.0  # seconds, give or take a fifth; a busy connection would never find the replica that came after it
P = TypeVar("P", bound=asyncio.BaseProtocol)


class Pool:
    """`acquire` a connection, and `release` it whatever happened."""

    def __init__(self, service: str, url: str, sweeper: Sweeper, postponed: Postponed, answer_within: float) -> None:
        parts = urlsplit(url)
        self.service = service
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.breaker = Breaker(service)
        self._addresses = Addresses(self.host, self.port)
        self._postponed = postponed
        self._answer_within = answer_within
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self.arriving = asyncio.Semaphore(MOST_ARRIVING)
        self._connecting = 0  # connections being made, and places given to somebody in line to make one
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._gauge = metrics.upstream_connections.labels(service)
        sweeper.watch(self)

    def __len__(self) -> int:
        return len(self._all)

    def take(self) -> Connection | None:
        """An idle connection, the one used last first, so that a quiet pool shrinks. None is idle while somebody is in line."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def admit_arriving(self) -> None:
        """To be called before a connection is acquired for a request that is still coming; when it is whole, `arriving` is to be
        released. Raises `ServiceBusy`."""
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                await self.arriving.acquire()
        except TimeoutError:
            raise ServiceBusy from None

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection, one that has not been idle if `fresh`. Raises `ServiceUnavailable` or `ServiceBusy`."""
        if not fresh and (connection := self.take()) is not None:
            return connection
        patient_until = self._loop.time() + WAIT_TIMEOUT
        while self._waiting or len(self._all) + self._connecting >= MOST:
            connection = await self._stand_in_line(patient_until)
            if connection is None:
                return await self._connect()
            if connection.usable:  # it may have been closed since it was given to us
                return connection
        self._connecting += 1
        return await self._connect()

    def release(self, connection: Connection) -> None:
        connection.end()
        now = self._loop.time()
        if not connection.reusable:
            connection.abort()
        elif now > connection.retires_at:
            connection.transport.close()
        elif self._waiting and (turn := self._first_in_line()) is not None:
            turn.set_result(connection)
        else:
            connection.idle_since = now
            self._idle.append(connection)

    async def open(self, protocol: Callable[[], P]) -> P:
        """A connection that is not one of the pool's. Raises `ServiceUnavailable`."""
        if not self.breaker.allows(self._loop.time()):
            raise ServiceUnavailable
        try:
            made = await self._addresses.connect(protocol, self.tls, CONNECT_TIMEOUT)
        except (OSError, TimeoutError) as error:
            self.breaker.failed(self._loop.time())
            raise ServiceUnavailable from error
        self.breaker.succeeded()
        return made

    def sweep(self, now: float) -> None:
        for connection in tuple(self._all):
            connection.expire(now)
        while self._idle and now - self._idle[0].idle_since > KEPT_FOR:
            self._idle.pop(0).transport.close()
        self._gauge.set(len(self._all))
        metrics.breaker_open.labels(self.service).set(self.breaker.away(now))

    def close(self) -> None:
        for connection in tuple(self._all):
            connection.transport.close()

    async def _connect(self) -> Connection:
        """In a place that is counted as connecting already."""
        try:
            connection = await self.open(lambda: Connection(self._lost, self._answer_within, self._postponed))
            if not connection.usable:  # closed again before we came to look
                raise ServiceUnavailable
        except BaseException:
            self._connecting -= 1
            self._offer_place()
            raise
        self._connecting -= 1
        self._all.add(connection)
        connection.retires_at = self._loop.time() + GREATEST_AGE * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
        return connection

    async def _stand_in_line(self, until: float) -> Connection | None:
        """A connection that somebody has done with, or None for a place to make one in."""
        if len(self._waiting) >= MOST_WAITING:
            raise ServiceBusy
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(until):
                return await turn
        except TimeoutError:
            self._leave_line(turn)
            raise ServiceBusy from None
        except asyncio.CancelledError:
            self._leave_line(turn)
            raise

    def _leave_line(self, turn: "asyncio.Future[Connection | None]") -> None:
        """What was given to one who is leaving goes to the next."""
        with suppress(ValueError):
            self._waiting.remove(turn)
        if turn.cancelled() or not turn.done():
            return
        connection = turn.result()
        if connection is not None:
            self.release(connection)
        else:
            self._connecting -= 1
            self._offer_place()

    def _first_in_line(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None

    def _offer_place(self) -> None:
        turn = self._first_in_line()
        if turn is not None:
            self._connecting += 1
            turn.set_result(None)

    def _lost(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        if connection in self._all:
            self._all.discard(connection)
            self._offer_place()
