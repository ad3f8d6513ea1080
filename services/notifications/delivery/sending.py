"""Sending what is queued: one letter at a time for each worker, claimed first, so that none leaves twice."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from services.notifications import metrics
from services.notifications.delivery import channels, queries
from services.notifications.delivery.channel import Channel, HandOver, Later, Letter, Refused, Unreachable
from services.notifications.delivery.queries import Claim, Waiting
from services.notifications.delivery.rules import Verdict, pause, verdict
from shared import logs
from shared.db import Database

LAST_LETTER = 5.0  # seconds
EXPIRED_AT_ONCE = 10_000  # letters; the rest a minute later

log = logs.get(__name__)


class ClaimLost(Exception):
    """Somebody else holds this letter now: this process was too slow."""


class Sender:
    """Sends the letters of one channel. While the other side cannot be reached, one letter at a time is used to try."""

    def __init__(self, name: str, channel: Channel, database: Database) -> None:
        self._name = name
        self._channel = channel
        self._database = database
        self._failures = 0
        self._paused_until = 0.0

    async def send_due(self) -> None:
        """Send until nothing is due, or nothing can be sent."""
        if time.monotonic() < self._paused_until:
            return
        try:
            while (claim := await self._claim()) is not None:
                await _to_its_end(self._deal_with(claim))
        except Unreachable as error:
            self._failures += 1
            self._paused_until = time.monotonic() + pause(self._failures).total_seconds()
            log.warning("channel_unreachable", channel=self._name, failures=self._failures, error=str(error))
        finally:
            await self._channel.close()

    async def _claim(self) -> Claim | None:
        async with self._database.transaction() as tx:
            return await tx.maybe(Claim, queries.CLAIM, channel=self._name)

    async def _deal_with(self, claim: Claim) -> None:
        decision = verdict(claim, datetime.now(UTC))
        if decision is Verdict.SEND:
            await self._send(claim)
        elif decision is Verdict.WAIT:
            await self._give_back(claim, "the account is not known yet")
        else:
            await self._finish(claim, decision.value)

    async def _send(self, claim: Claim) -> None:
        try:
            await self._channel.send(_letter(claim), self._hand_over(claim))
        except Refused as error:
            await self._finish(claim, "refused", str(error))
        except Later as error:
            await self._give_back(claim, str(error))
        except Unreachable as error:
            await self._give_back(claim, str(error))
            raise
        except ClaimLost:
            log.warning("claim_lost", delivery=claim.id)
            await self._channel.close()  # sender and recipient of this letter are already named on the connection
        except Exception as error:
            await self._stumbled(claim, error)
            await self._channel.close()
        else:
            self._failures = 0
            await self._finish(claim, "sent")

    def _hand_over(self, claim: Claim) -> HandOver:
        async def hand_over() -> None:
            async with self._database.transaction() as tx:
                if not await tx.run(queries.HAND_OVER, id=claim.id, attempts=claim.attempts):
                    raise ClaimLost

        return hand_over

    async def _stumbled(self, claim: Claim, error: Exception) -> None:
        """Before the hand-over it is safe to try again; after it, nobody knows whether it arrived."""
        async with self._database.transaction() as tx:
            status = await tx.value(queries.STATUS, id=claim.id)
        log.error("letter_stumbled", delivery=claim.id, kind=claim.kind, status=status, error=repr(error))
        if status == "handed_over":
            await self._finish(claim, "unknown", repr(error)[:300])
        else:
            await self._give_back(claim, repr(error)[:300])

    async def _finish(self, claim: Claim, status: str, error: str | None = None) -> None:
        async with self._database.transaction() as tx:
            await tx.run(queries.FINISH, id=claim.id, attempts=claim.attempts, status=status, error=error)
        metrics.letters.labels(self._name, status).inc()
        if status in ("refused", "unknown"):
            log.warning("letter_not_delivered", delivery=claim.id, kind=claim.kind, status=status, error=error)

    async def _give_back(self, claim: Claim, error: str) -> None:
        async with self._database.transaction() as tx:
            await tx.run(queries.GIVE_BACK, id=claim.id, attempts=claim.attempts, error=error, pause=pause(claim.attempts))


async def tidy(database: Database) -> None:
    """Mark what was handed over by somebody who never reported back, and what nobody sent in time, forget what is long done, and
    export what waits."""
    async with database.transaction() as tx:
        for row in await tx.rows(queries.MARK_UNKNOWN):
            log.error("letter_not_delivered", delivery=row["id"], status="unknown")
            metrics.letters.labels(row["channel"], "unknown").inc()
        for row in await tx.rows(queries.EXPIRE, batch=EXPIRED_AT_ONCE):
            metrics.letters.labels(row["channel"], "expired").inc()
        await tx.run(queries.FORGET)
        waiting = {found.channel: found for found in await tx.all(Waiting, queries.WAITING)}
    for channel in channels.switches.on | waiting.keys():
        found = waiting.get(channel, Waiting(channel, 0, 0.0))
        metrics.letters_waiting.labels(channel).set(found.count)
        metrics.letters_age.labels(channel).set(found.age)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """A letter in work is brought to its end when the process is told to stop: broken off, nobody would know whether it left."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_LETTER)
        raise


def _letter(claim: Claim) -> Letter:
    return Letter(
        id=claim.id,
        event_id=claim.event_id,
        user_id=claim.user_id,
        kind=claim.kind,
        content=claim.content | ({"message": claim.content["anonymous"]} if claim.is_about_purged else {}),
        address=claim.given_address or claim.address,
        first_name=claim.first_name,
        timezone=claim.timezone,
        created_at=claim.created_at,
    )
