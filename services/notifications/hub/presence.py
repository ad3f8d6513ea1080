"""Who is online: kept in the database by every hub, so that it is right whichever of them somebody hangs on, or dies."""

import asyncio
import json
import time
from uuid import UUID, uuid4

from services.notifications.hub import queries
from services.notifications.hub.hub import Hub
from services.notifications.hub.queries import Told
from shared import logs
from shared.db import Database, Tx
from shared.errors import Unavailable
from shared.events.notifications import PresenceChanged
from shared.lasting import end_if_cancelled
from shared.outbox import publish
from shared.worker import Runtime

TURN = 0.2  # seconds; who reloads a page within one is not seen to go
BEAT = 5.0  # seconds; a hub is taken for dead after 20 (`queries.DEAD`)
BATCH = 500  # people in one transaction

log = logs.get(__name__)


class Presence:
    """Writes down who came to this hub and who left it, and tells the people here of changes of those they write with."""

    def __init__(self, hub: Hub, database: Database) -> None:
        self._hub = hub
        self._database = database
        self._id: UUID = uuid4()
        self._beat_at = float("-inf")
        self.changed: set[int] = set()
        """People whose presence changed somewhere, as heard from the broker."""

    async def run(self) -> None:
        while True:
            try:
                await self._write()
                await self._tell()
            except Exception as error:  # the database is away, say: presence waits, sockets go on
                log.warning("presence_unavailable", error=repr(error))
            end_if_cancelled()
            await asyncio.sleep(TURN)

    async def leave(self) -> None:
        """This hub closes: nobody is online by it any more."""
        try:
            async with self._database.transaction() as tx:
                await forget_hubs(tx, [self._id])
        except Unavailable as error:
            log.warning("presence_left_behind", error=str(error))  # the worker clears it away

    async def _write(self) -> None:
        while self._hub.came_or_went or time.monotonic() - self._beat_at >= BEAT:
            async with self._database.transaction() as tx:
                came, went = await self._next(tx)
                if came or went:
                    await _lock(tx, sorted(came + went))
                    await tx.run(queries.CAME, hub_id=self._id, user_ids=came)
                    await tx.run(queries.WENT, hub_id=self._id, user_ids=went)
                    await _settle(tx, came + went)
            self._beat_at = time.monotonic()
            # Whoever moved again during the transaction stays for the next one.
            self._hub.came_or_went.difference_update(u for u in came if self._hub.has(u))
            self._hub.came_or_went.difference_update(u for u in went if not self._hub.has(u))

    async def _next(self, tx: Tx) -> tuple[list[int], list[int]]:
        """Some of those who came and who went, whatever is written of them: that is not always known, of a commit whose answer
        was lost. Every transaction is a heartbeat, too: it holds the hub's row, so that nobody can take the hub for dead while
        it writes."""
        if await tx.value(
            queries.BEAT, id=self._id
        ):  # the first, or somebody had taken it for dead: write down everybody (again)
            self._hub.came_or_went.update(self._hub.people)
        some = sorted(self._hub.came_or_went)[:BATCH]
        return [u for u in some if self._hub.has(u)], [u for u in some if not self._hub.has(u)]

    async def _tell(self) -> None:
        """The state is read, not taken from the events: they may overtake each other."""
        if not self.changed:
            return
        changed, self.changed = self.changed, set()
        async with self._hub.reading() as tx:
            told = await tx.all(Told, queries.TO_TELL, changed=list(changed), here=list(self._hub.people))
        for row in told:
            fields = {"type": "presence", "user_id": row.user_id, "is_online": row.is_online}
            self._hub.tell(row.other_id, json.dumps(fields))


async def sweep(database: Database) -> None:
    """Forget the hubs whose heart stopped."""
    async with database.transaction() as tx:
        dead = [row["id"] for row in await tx.rows(queries.DEAD)]
        if dead:
            log.warning("hubs_died", count=len(dead))
            await forget_hubs(tx, dead)


async def resync(runtime: Runtime) -> None:
    """Say of everybody again whether they are online, for replicas that were lost or are in doubt."""
    after = 0
    while True:
        async with runtime.database.transaction() as tx:
            rows = await tx.rows(queries.NEXT, after=after, batch=BATCH)
            await publish(tx, *(PresenceChanged(**row) for row in rows))
        if not rows:
            return
        after = rows[-1]["user_id"]


async def say_again(tx: Tx, user_ids: list[int]) -> None:
    """Say of these people whether they are online."""
    await publish(tx, *(PresenceChanged(**row) for row in await tx.rows(queries.SAID_OF, user_ids=user_ids)))


async def forget_hubs(tx: Tx, hub_ids: list[UUID]) -> None:
    people = [row["user_id"] for row in await tx.rows(queries.PEOPLE_OF, hub_ids=hub_ids)]
    await _lock(tx, people)
    await tx.run(queries.FORGET_HUBS, hub_ids=hub_ids)
    await _settle(tx, people)


async def _lock(tx: Tx, user_ids: list[int]) -> None:
    """Hubs that write of the same people wait for each other, always in the same order."""
    await tx.run(queries.KNOW, user_ids=user_ids)
    await tx.rows(queries.LOCK, user_ids=user_ids)


async def _settle(tx: Tx, user_ids: list[int]) -> None:
    """Say of whom it changed whether any hub has them."""
    rows = await tx.rows(queries.SETTLE, user_ids=user_ids)
    await publish(tx, *(PresenceChanged(**row) for row in rows))
