"""Rate limits, exact across all gateways that share a Redis, and counted per process while it is away."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from gateway import metrics
from gateway.limits.link import ANSWER_TIMEOUT, GRACE, Link, LinkLost
from gateway.limits.rate import Rate, Verdict
from gateway.limits.window import LocalWindows
from shared import logs

PREFIX = "{edustream:limits}:"  # in braces: one script call names several keys, which a Redis Cluster wants on one node
CALLS = 2  # at once: who comes while one is under way need not wait for its answer to ask
MAX_BATCH = 500  # keys in one call, so that no call keeps Redis from others
log = logs.get(__name__)

Then = Callable[[Verdict], None]
Batch = dict[str, tuple[Rate, list[Then]]]  # a key is always counted at the same rate


class Limiter:
    """Counts requests. Checks that arrive while earlier calls are under way share the next one, and one entry per client."""

    def __init__(self, link: Link, local: LocalWindows | None = None) -> None:
        self._link = link
        self._local = local or LocalWindows()
        self._pending: Batch = {}
        self._under_way: deque[tuple[Batch, float]] = deque()  # calls, and when they were made
        self._planned = self._watching = False
        self._loop = asyncio.get_running_loop()

    def check(self, key: str, rate: Rate, then: Then) -> None:
        """Count one request of `key`, and tell `then` the verdict."""
        if not self._link.ready:
            metrics.limits_local.inc()
            then(self._local.count(key, rate))
            return
        waiting = self._pending.get(key)
        if waiting is None:
            waiting = self._pending[key] = (rate, [])
        waiting[1].append(then)
        self._plan()

    def _plan(self) -> None:
        """Ask soon, not at once: what has arrived already is read first, and shares the call."""
        if not self._planned and len(self._under_way) < CALLS:
            self._planned = True
            self._loop.call_soon(self._ask)

    def _ask(self) -> None:
        self._planned = False
        batch = self._take()
        if not self._link.ready:
            self._settle_locally(batch)
            return
        keys: list[str] = []
        arguments: list[int] = []
        for key, (rate, askers) in batch.items():
            keys.append(PREFIX + key)
            arguments += (rate.limit, rate.seconds * 1_000_000, len(askers))
        self._under_way.append((batch, self._loop.time()))
        if not self._watching:
            self._watching = True
            self._loop.call_later(ANSWER_TIMEOUT, self._watch)
        self._link.evaluate(keys, arguments, self._answered)

    def _answered(self, answer: Any) -> None:
        batch, _ = self._under_way.popleft()
        if self._pending:
            self._plan()
        self._settle(batch, answer)

    def _watch(self) -> None:
        """One timer for all calls, while there are any: to set and stop one for each would cost more than the call."""
        if not self._under_way:
            self._watching = False
            return
        oldest, made_at = self._under_way[0]
        left = made_at + ANSWER_TIMEOUT - self._loop.time()
        if left > 0:
            self._loop.call_later(left, self._watch)
        else:
            self._loop.call_later(GRACE, self._give_up, oldest)

    def _give_up(self, overdue: Batch) -> None:
        if self._under_way and self._under_way[0][0] is overdue:
            self._link.give_up("no answer in time")
        self._loop.call_later(ANSWER_TIMEOUT, self._watch)

    def _take(self) -> Batch:
        """The next call's share, or all who wait when there is nobody to call: nobody would come back to the rest."""
        if len(self._pending) <= MAX_BATCH or not self._link.ready:
            batch, self._pending = self._pending, {}
            return batch
        return {key: self._pending.pop(key) for key in list(self._pending)[:MAX_BATCH]}

    def _settle(self, batch: Batch, answer: Any) -> None:
        if isinstance(answer, Exception):
            if str(answer).startswith("NOSCRIPT"):  # flushed away: a new connection loads it again
                self._link.drop()
            elif not isinstance(answer, LinkLost):
                self._link.give_up(str(answer))
            self._settle_locally(batch)
            return
        at = 0
        for _, askers in batch.values():
            passed, remaining, reset = answer[at : at + 3]
            at += 3
            for place, then in enumerate(askers):
                _tell(then, Verdict(place < passed, max(0, remaining + passed - place - 1), reset / 1_000_000))

    def _settle_locally(self, batch: Batch) -> None:
        for key, (rate, askers) in batch.items():
            metrics.limits_local.inc(len(askers))
            for then in askers:
                _tell(then, self._local.count(key, rate))


def _tell(then: Then, verdict: Verdict) -> None:
    """One asker's failure must not keep the others from their verdicts."""
    try:
        then(verdict)
    except Exception:
        log.exception("verdict_not_taken")
