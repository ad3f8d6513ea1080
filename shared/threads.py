"""A few threads for work that would block the event loop, with a bounded queue."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from shared import metrics
from shared.errors import Unavailable

PATIENCE = 5.0  # seconds that a call may wait for a thread
RETRY_AFTER = 5
P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """Runs functions on `threads` threads. When `waiting` calls are queued, further ones are refused, and so is one whose turn
    comes too late: each queued call holds a request open, and an answer after half a minute is of no use to anybody.

    The threads are of usual priority: one that the scheduler sets back while it holds the interpreter's lock sets back the whole
    process. Measured beside 50 logins: answers took 3 times as long with a niceness of 5, 1.6 times without."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._inside = 0
        self._refused = metrics.threads_refused.labels(name)
        metrics.threads_inside.labels(name).set_function(lambda: self._inside)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result. Raises `Unavailable` when too many wait, or this one has waited too long."""
        if self._inside >= self._most:
            self._refused.inc()
            raise Unavailable(retry_after=RETRY_AFTER)
        self._inside += 1
        latest = time.monotonic() + PATIENCE

        def in_turn() -> R:
            if time.monotonic() > latest:
                self._refused.inc()
                raise Unavailable(retry_after=RETRY_AFTER)
            return function(*args, **kwargs)

        loop, work = asyncio.get_running_loop(), self._pool.submit(in_turn)
        # Of the work itself, and no `finally`: a caller who goes away leaves it behind.
        work.add_done_callback(lambda _: self._tell(loop))
        return await asyncio.wrap_future(work)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._left)

    def _left(self) -> None:
        self._inside -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
