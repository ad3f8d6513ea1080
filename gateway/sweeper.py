"""Time limits without a timer per request: one periodic sweep asks whatever is alive whether its time is up."""

import asyncio
from typing import Protocol

EVERY = 0.25  # seconds; also the error of every time limit that is enforced by a sweep


class Timed(Protocol):
    """Something with time limits of its own."""

    def sweep(self, now: float) -> None:
        """Give up whatever has been waiting too long at the loop's time `now`."""


class Sweeper:
    """Calls `sweep` on everything registered. Arming and cancelling a timer per request costs more than the request's routing."""

    def __init__(self) -> None:
        self._watched: set[Timed] = set()
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, timed: Timed) -> None:
        self._watched.add(timed)

    def forget(self, timed: Timed) -> None:
        self._watched.discard(timed)

    def __len__(self) -> int:
        return len(self._watched)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(EVERY, self._run, loop)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = loop.call_later(EVERY, self._run, loop)
        now = loop.time()
        for timed in tuple(self._watched):
            timed.sweep(now)
