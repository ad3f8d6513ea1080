"""The sockets of one process, and what they are told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.notifications import metrics, queries
from services.notifications.hub.closing import Close
from services.notifications.hub.socket import Socket
from services.notifications.queries import LiveMessage
from shared import logs
from shared.db import Database, Tx
from shared.errors import Unavailable
from shared.events.notifications import LiveEntry
from shared.tokens import Revocations

READERS = 4  # database connections that all sockets together may use at once
PAGE = 100  # messages read from the log at once
PATIENCE = 10.0  # seconds a client that catches up may take for a queue's worth
STRANGERS = 1000  # connections that may wait for their first message
DEVICES = 20  # sockets of one person in this process
SWEEP = 0.25  # seconds between looks for tokens that expired or were revoked

log = logs.get(__name__)


class Hub:
    """No socket holds a database connection; the few that reading takes are shared by all."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations
        self._readers = asyncio.Semaphore(READERS)
        self._stranger_reader = asyncio.Lock()
        self._strangers = 0
        self._sockets: dict[int, list[Socket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.came_or_went: set[int] = set()
        """People whose first socket opened here or whose last one closed, for `presence` to look at."""

    @property
    def people(self) -> set[int]:
        return set(self._sockets)

    def has(self, user_id: int) -> bool:
        return user_id in self._sockets

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A turn at the database."""
        async with self._readers, self._database.reading() as tx:
            yield tx

    async def head(self, user_id: int) -> int:
        """The number of the person's last message."""
        async with self.reading() as tx:
            return await tx.value(queries.HEAD, user_id=user_id) or 0

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[None]:
        """A place for somebody who has not shown a token yet. Raises `Unavailable` when there are too many."""
        if self._strangers >= STRANGERS:
            raise Unavailable
        self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= 1

    async def head_for_stranger(self, user_id: int) -> int:
        """As `head`, but strangers wait for each other, not the people who are signed in for them."""
        async with self._stranger_reader:
            return await self.head(user_id)

    def add(self, socket: Socket) -> None:
        """The socket hears what comes from now on, and first what the log has after its position."""
        mine = self._sockets.setdefault(socket.user_id, [])
        if not mine:
            self.came_or_went.add(socket.user_id)
        mine.append(socket)
        metrics.sockets.inc()
        still_open = [socket for socket in mine if not socket.is_closed]  # a closed one may need its time to go
        if len(still_open) > DEVICES:
            still_open[0].close(Close.TOO_MANY)
        socket.start()
        self._catch_up(socket)

    def remove(self, socket: Socket) -> None:
        socket.stop()
        mine = self._sockets[socket.user_id]
        mine.remove(socket)
        metrics.sockets.dec()
        if not mine:
            del self._sockets[socket.user_id]
            self.came_or_went.add(socket.user_id)

    def deliver(self, entries: list[LiveEntry]) -> None:
        """Logged messages that have just come."""
        for entry in entries:
            for socket in tuple(self._sockets.get(entry.user_id, ())):
                if not socket.offer(entry.event_id, entry.body):
                    self._catch_up(socket)

    def tell(self, user_id: int, text: str) -> None:
        """Something that is not logged: whoever is not here misses it."""
        for socket in tuple(self._sockets.get(user_id, ())):
            socket.tell(text)

    async def catch_up(self) -> None:
        """After live messages may have been lost: everybody who is behind the log reads on."""
        async with self.reading() as tx:
            heads = await tx.all(queries.Logged, queries.HEADS, user_ids=list(self._sockets))
        for head in heads:
            for socket in tuple(self._sockets.get(head.user_id, ())):
                if socket.position < head.event_id:
                    socket.newest = max(socket.newest, head.event_id)  # for whoever is reading already: there is more
                    self._catch_up(socket)

    async def sweep(self) -> None:
        """Close, for ever, the sockets whose token has expired or was revoked."""
        while True:
            await asyncio.sleep(SWEEP)
            now = time.time()
            for socket in [socket for mine in self._sockets.values() for socket in mine]:
                if socket.claims.expires_at <= now or self._revocations.has(socket.claims):
                    socket.close(Close.UNAUTHORIZED)

    def _catch_up(self, socket: Socket) -> None:
        if not socket.is_behind and not socket.is_closed:
            socket.is_behind = True
            task = asyncio.create_task(self._read_log(socket))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read_log(self, socket: Socket) -> None:
        try:
            while not socket.is_closed:
                target = socket.newest
                async with self.reading() as tx:
                    found = await tx.all(
                        LiveMessage, queries.LIVE_AFTER, user_id=socket.user_id, after=socket.position, limit=PAGE
                    )
                for message in found:
                    await socket.replay(message.event_id, message.body, PATIENCE)
                    if socket.is_closed:  # nobody empties its queue any more
                        return
                if len(found) < PAGE:
                    # Numbers up to `target` that the log does not have any more are gone for good.
                    socket.position = max(socket.position, target)
                    if socket.newest == socket.position:
                        break
        except Unavailable:
            socket.close(Close.TRY_LATER)
        finally:
            socket.is_behind = False
