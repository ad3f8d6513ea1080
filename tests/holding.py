"""Processes that stand still for a while."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def held(pids: Iterable[int]) -> Iterator[None]:
    """SIGSTOP them for the length of the block. One that ends meanwhile is not missed."""
    pids = tuple(pids)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
