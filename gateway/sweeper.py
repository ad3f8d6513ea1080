"""Time limits without a timer per request: one periodic sweep asks whatever is alive whether its time is up."""

import asyncio
from typing import Protocol

EVERY = 0.25  # seconds; also the error of every time limit that is enforced by a sweep
SLICES = 13  # of what is watched, swept one after the other: all at once would keep requests waiting


class Timed(Protocol):
    """Something with time limits of its own."""

    def sweep(self, now: float) -> None:
        """Give up whatever has been waiting too long at the loop's time `now`."""


class Sweeper:
    """Calls `sweep` on everything registered. Arming and cancelling a timer per request costs more than the request's routing."""

    def __init__(self) -> None:
        self._slices: tuple[set[Timed], ...] = tuple(set() for _ in range(SLICES))
        self._next = 0
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, timed: Timed) -> None:
        self._slices[hash(timed) % SLICES].add(timed)

    def forget(self, timed: Timed) -> None:
        self._slices[hash(timed) % SLICES].discard(timed)

    def __len__(self) -> int:
        return sum(map(len, self._slices))

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(EVERY / SLICES, self._run, loop)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = loop.call_later(EVERY / SLICES, self._run, loop)
        now = loop.time()
        self._next = (self._next + 1) % SLICES
        for timed in tuple(self._slices[self._next]):
            timed.sweep(now)
