"""Writes everything that a turn of the event loop produced in one go, at its end.

A write to a peer that sleeps wakes it, and on most machines that costs more than the write. Written one by one, between the
handling of two requests, each finds its peer asleep again; written together, the first wakes it and the others find it awake.
"""

import asyncio
from collections.abc import Callable
from typing import Any

LARGE = 16_384  # bytes; more is written at once, so that a slow reader is noticed before we have read on
Act = Callable[..., Any]


class Postponed:
    """Acts on transports, done in order. Whatever is written to a transport, and its closing, must come through the same one."""

    def __init__(self) -> None:
        self._acts: list[tuple[Act, bytes | None]] = []
        self._loop = asyncio.get_running_loop()

    def add(self, act: Act, data: bytes | None = None) -> None:
        """`transport.write` with its data, or `transport.close`."""
        if not self._acts:
            self._loop.call_soon(self.flush)
        self._acts.append((act, data))
        if data is not None and len(data) > LARGE:
            self.flush()

    def flush(self) -> None:
        """A transport whose peer has left meanwhile refuses with RuntimeError; what stands behind it is for others."""
        acts, self._acts = self._acts, []
        for act, data in acts:
            try:
                if data is None:
                    act()
                else:
                    act(data)
            except RuntimeError:
                continue
