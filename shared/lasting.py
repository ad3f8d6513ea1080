"""Work that must not end by itself, and telling whether it was asked to."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from shared import logs

log = logs.get(__name__)


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the application. If it ends by itself something is broken: stop the process, to be restarted."""
    task = asyncio.create_task(work)
    task.add_done_callback(_stop_process_unless_cancelled)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do what is to be done for ever. Raises `RuntimeError` when it ends, even by a cancellation of its own: a task group would
    take that for an end in order, and the process would go on without a part of it."""
    try:
        await work()
    except asyncio.CancelledError:
        if was_cancelled():
            raise
    raise RuntimeError("work that must last has ended")


def end_if_cancelled() -> None:
    """For a loop that outlives failures, before it goes round again: raise `CancelledError` if this task was cancelled. Libraries
    lose that, for an answer or a failure that comes at the same moment (`wait_for` before Python 3.12), and nobody asks twice."""
    if was_cancelled():
        raise asyncio.CancelledError


def was_cancelled() -> bool:
    """Whether somebody cancelled this task: libraries raise `CancelledError` for failures of their own, too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _stop_process_unless_cancelled(task: "asyncio.Task[Any]") -> None:
    if not task.cancelling():
        log.error("background_work_ended", error="cancelled by itself" if task.cancelled() else repr(task.exception()))
        os.kill(os.getpid(), signal.SIGTERM)
