"""Waiting for a condition, with a deadline; never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], within: float = 10) -> T:
    """The first truthy result of `look`, asked again and again. Fails after `within` seconds with the last result."""
    deadline = time.monotonic() + within
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {found!r}")
        await asyncio.sleep(0.02)
