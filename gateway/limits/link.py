"""One connection to Redis for the counting script: pipelined, never blocking, gone and back without anybody waiting for it.

A general client costs more per command than a whole proxied request; this one packs and parses with hiredis, and knows one
command.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import hiredis

from shared import logs

CONNECT_TIMEOUT = 1.0
ANSWER_TIMEOUT = 0.5  # a slower Redis is as good as none: requests are waiting
GRACE = 0.1  # and then this long, for an answer that has come but was not read because this process was busy itself
RETRY_EVERY = 0.5
LONGEST_PAUSE = 8.0  # seconds, doubled from `RETRY_EVERY` while Redis fails soon after each attempt
PROBE = "{edustream:limits}:probe"
log = logs.get(__name__)

Then = Callable[[Any], None]


class LinkLost(Exception):
    """Redis did not answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """`redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS."""

    host: str
    port: int
    tls: bool
    username: str
    password: str
    database: str

    @classmethod
    def parse(cls, url: str) -> Self:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError("must be like redis://host:6379/0")
        names = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, parts.port or 6379, parts.scheme == "rediss", *names, parts.path.strip("/"))


class _Replies(asyncio.Protocol):
    """Pairs replies with the questions, which Redis answers in order.

    Whoever asked is called back: a future for each question costs a turn of the event loop more, and a request waits for it."""

    def __init__(self) -> None:
        self.waiting: deque[Then] = deque()
        self._reader = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        self.lost = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self.waiting.popleft()(reply)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.lost.done():  # first: whoever is told of a lost question must not ask the next one here
            self.lost.set_result(None)
        while self.waiting:
            self.waiting.popleft()(LinkLost())

    def ask(self, then: Then, *command: str | int | bytes) -> None:
        self.waiting.append(then)
        self.transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub knows one argument only

    async def answer(self, *command: str | int | bytes) -> Any:
        """Raises what the answer is, if it is an exception."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self.ask(lambda reply: None if answer.done() else answer.set_result(reply), *command)
        reply = await answer
        if isinstance(reply, Exception):
            raise reply
        return reply


class Link:
    """Keeps a connection up. `ready` tells whether `evaluate` can be called now."""

    def __init__(self, address: Address, script: str) -> None:
        self._address, self._script = address, script
        self._replies: _Replies | None = None
        self._sha = b""
        self._task: asyncio.Task[None] | None = None
        self._first_try = asyncio.Event()
        self._away = self._failed = False

    @property
    def ready(self) -> bool:
        return self._replies is not None and not self._replies.lost.done()

    async def start(self) -> None:
        """Returns after the first attempt, whatever came of it."""
        self._task = asyncio.create_task(self._keep_up())
        await self._first_try.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.drop()

    def give_up(self, why: str) -> None:
        """Redis does not do what it should: leave it alone for a while."""
        self._failed = True
        self._tell_away(why)
        self.drop()

    def drop(self) -> None:
        """Close the connection; another is made at once."""
        replies, self._replies = self._replies, None
        if replies is not None:
            replies.transport.abort()

    def evaluate(self, keys: list[str], arguments: list[int], then: Then) -> None:
        """Run the script, and tell `then` its answer, once: that may be a `LinkLost` or a `hiredis.ReplyError`."""
        if self._replies is None or self._replies.lost.done():
            raise LinkLost
        self._replies.ask(then, "EVALSHA", self._sha, len(keys), *keys, *arguments)

    async def _keep_up(self) -> None:
        pause = RETRY_EVERY
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    self._replies = replies = await self._connect()
            except (OSError, TimeoutError, LinkLost, hiredis.HiredisError) as error:
                self._tell_away(str(error) or type(error).__name__)
                self._first_try.set()
                await asyncio.sleep(RETRY_EVERY)
                continue
            self._first_try.set()
            if self._away:
                log.info("redis_back")
                self._away = False
            made_at = loop.time()
            await replies.lost
            self._replies = None
            self._tell_away("the connection was lost")
            if self._failed:
                self._failed = False
                pause = RETRY_EVERY if loop.time() - made_at > LONGEST_PAUSE else min(LONGEST_PAUSE, pause * 2)
                await asyncio.sleep(pause)

    def _tell_away(self, why: str) -> None:
        if not self._away:
            log.warning("redis_away", error=why, effect="limits are counted per process")
            self._away = True

    async def _connect(self) -> _Replies:
        to = self._address
        tls = ssl.create_default_context() if to.tls else None
        _, replies = await asyncio.get_running_loop().create_connection(_Replies, to.host, to.port, ssl=tls)
        try:
            if to.password:
                await replies.answer("AUTH", *([to.username] if to.username else []), to.password)
            if to.database:
                await replies.answer("SELECT", to.database)
            self._sha = await replies.answer("SCRIPT", "LOAD", self._script)
            await replies.answer("EVALSHA", self._sha, 1, PROBE, 1, 1, 1)  # a Redis that is full loads scripts, and runs none
        except BaseException:
            replies.transport.abort()
            raise
        return replies
