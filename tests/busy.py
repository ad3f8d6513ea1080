"""How much longer everything takes on a machine that does other things too: what limits of time are stretched by."""

import time

SPIN = 0.3  # seconds of work
MOST = 3.0


def busy() -> float:
    """How many times as long as it would alone, at least 1 and at most MOST: a limit must be one that can be missed."""
    began, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < SPIN:
        pass
    return min(max((time.perf_counter() - began) / SPIN, 1.0), MOST)
