"""Work that must not end by itself, and telling whether it was asked to."""

import asyncio
from collections.abc import Awaitable, Callable


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do what is to be done for ever. Raises `RuntimeError` when it ends, even by a cancellation of its own: a task group would
    take that for an end in order, and the process would go on without a part of it."""
    try:
        await work()
    except asyncio.CancelledError:
        if was_cancelled():
            raise
    raise RuntimeError("work that must last has ended")


def was_cancelled() -> bool:
    """Whether somebody cancelled this task: libraries raise `CancelledError` for failures of their own, too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
