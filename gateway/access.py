"""The access log: one JSON line per request, shaped like structlog's other lines, written in batches.

structlog takes longer over a line than the gateway over a request, so these are formatted by hand: every field is a number, or
text from our own table or checked against a pattern, and needs no escaping. Query strings are never written: they hold tokens.
"""

import asyncio
import sys
import time
from contextlib import suppress
from typing import Protocol, TextIO

from gateway.clients import Client
from gateway.server.request import Request

EVERY = 0.1  # seconds between writes
MAX_LINES = 512  # written sooner when so many wait


class Noted(Protocol):
    """What a line tells of."""

    @property
    def request(self) -> Request: ...
    @property
    def client(self) -> Client: ...
    @property
    def status(self) -> int: ...
    @property
    def template(self) -> str: ...
    @property
    def user_id(self) -> int | None: ...


class AccessLog:
    """Collects lines and writes them from the event loop's idle moments."""

    def __init__(self, *, enabled: bool, stream: TextIO | None = None) -> None:
        self.enabled = enabled
        self._stream = stream or sys.stdout
        self._lines: list[str] = []
        self._due: asyncio.TimerHandle | None = None
        self._second, self._clock = 0, ""

    def write(self, exchange: Noted, seconds: float) -> None:
        if not self.enabled:
            return
        request, who = exchange.request, "null" if exchange.user_id is None else exchange.user_id
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._clock = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            f'{{"event":"request","level":"info","service":"gateway","method":"{request.method}","route":"{exchange.template}",'
            f'"status":{exchange.status},"ms":{seconds * 1000:.2f},"request_id":"{request.request_id.decode()}","user_id":{who},'
            f'"client":"{exchange.client.address}","timestamp":"{self._clock}.{int((now - second) * 1000):03d}Z"}}\n'
        )
        if len(self._lines) >= MAX_LINES:
            self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(EVERY, self.flush)

    def flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lines, self._lines = self._lines, []
        with suppress(OSError, ValueError):  # a full disk, a closed pipe: no request must end by that
            self._stream.write("".join(lines))
            self._stream.flush()
