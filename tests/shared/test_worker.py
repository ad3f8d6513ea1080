"""What a worker says of its periodic jobs."""

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import cast

from prometheus_client import REGISTRY

from shared.worker import Job, Runtime, _repeat
from tests.waiting import eventually

RUNTIME = cast("Runtime", SimpleNamespace(settings=SimpleNamespace(service="test")))


async def test_a_job_that_fails_falls_behind_and_one_that_is_done_does_not() -> None:
    runs: list[str] = []

    async def succeeds(_runtime: Runtime) -> None:
        runs.append("succeeds")

    async def fails(_runtime: Runtime) -> None:
        runs.append("fails")
        raise RuntimeError

    began = time.time()
    tasks = [asyncio.ensure_future(_repeat(Job(run.__name__, 0.01, run), RUNTIME)) for run in (succeeds, fails)]
    await eventually(lambda: _both_again(runs))
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert began <= last_done("fails") < last_done("succeeds")
    assert REGISTRY.get_sample_value("edustream_job_period_seconds", {"service": "test", "job": "fails"}) == 0.01


def last_done(job: str) -> float:
    """At first: since when it has been tried."""
    found = REGISTRY.get_sample_value("edustream_job_last_done_timestamp_seconds", {"service": "test", "job": job})
    assert found is not None
    return found


async def _both_again(runs: list[str]) -> bool:
    return min(runs.count("succeeds"), runs.count("fails")) > 1
