"""Periodic jobs: again and again, whatever becomes of one of them."""

import asyncio
import time
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY

from services.messaging.app import service
from shared import worker
from shared.db import Database
from shared.inbox import Consumer
from shared.outbox import Relay
from shared.worker import Job, Runtime
from tests.harness import settings_of
from tests.shared.running import beside
from tests.waiting import eventually

PRIVATE = "jane@example.com"


@pytest.fixture
def runtime() -> Runtime:
    urls = {"database_url": "postgresql://unused", "redis_url": "redis://unused", "amqp_url": "amqp://unused"}
    return Runtime(settings_of(service, **urls), Database("postgresql://unused", 2, "unused"))


def runs(job: str, outcome: str) -> float:
    labels = {"service": "messaging", "job": job, "outcome": outcome}
    return REGISTRY.get_sample_value("edustream_job_runs_total", labels) or 0


def last_done(job: str) -> float:
    """At first: since when it has been tried."""
    found = REGISTRY.get_sample_value("edustream_job_last_done_timestamp_seconds", {"service": "messaging", "job": job})
    assert found is not None
    return found


async def test_a_job_that_loses_a_cancellation_is_the_last(runtime: Runtime) -> None:
    begun = asyncio.Semaphore(0)

    async def lose(_runtime: Runtime) -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            raise ConnectionError("refused") from cancelled  # as `wait_for` does, when the failure comes at the same moment

    task = asyncio.ensure_future(worker._repeat(Job("lose", 0.001, lose), runtime))
    await begun.acquire()
    task.cancel()
    again = asyncio.ensure_future(begun.acquire())
    await asyncio.wait({task, again}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    again.cancel()

    assert task.cancelled()


async def test_a_job_that_fails_is_run_again(runtime: Runtime) -> None:
    begun = 0

    async def stumble(_runtime: Runtime) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ValueError(PRIVATE)

    async def twice_done() -> bool:
        return runs("stumble", "done") >= 2

    with structlog.testing.capture_logs() as said:
        async with beside(worker._repeat(Job("stumble", 0.001, stumble), runtime)):
            await eventually(twice_done)

    (failure,) = (line for line in said if line["event"] == "job_failed")
    assert runs("stumble", "failed") == 1
    assert failure["error"].startswith("ValueError ")
    assert isinstance(failure["stack"], str)
    assert Path(__file__).name in failure["stack"]
    assert PRIVATE not in str(failure), "what a job worked on may be private"


async def test_a_job_that_fails_falls_behind_and_one_that_is_done_does_not(runtime: Runtime) -> None:
    async def succeed(_runtime: Runtime) -> None:
        return

    async def fail(_runtime: Runtime) -> None:
        raise RuntimeError

    async def both_again() -> bool:
        return min(runs("succeed", "done"), runs("fail", "failed")) > 1

    began = time.time()
    async with (
        beside(worker._repeat(Job("succeed", 0.01, succeed), runtime)),
        beside(worker._repeat(Job("fail", 0.01, fail), runtime)),
    ):
        await eventually(both_again)

    assert began <= last_done("fail") < last_done("succeed")
    assert REGISTRY.get_sample_value("edustream_job_period_seconds", {"service": "messaging", "job": "fail"}) == 0.01


async def test_a_job_that_is_stopped_does_not_begin_anew(runtime: Runtime) -> None:
    begun = asyncio.Event()

    async def take_long(_runtime: Runtime) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with beside(worker._repeat(Job("long", 0.001, take_long), runtime)) as task:
        await begun.wait()

    assert task.cancelled()
    assert runs("long", "done") == runs("long", "failed") == 0


async def test_a_part_of_the_worker_that_ends_is_fatal(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    async def be_cancelled(_relay: object) -> None:
        raise asyncio.CancelledError

    async def wait(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Relay, "run", be_cancelled)
    monkeypatch.setattr(Consumer, "run", wait)
    monkeypatch.setattr(worker, "HOUSEKEEPING", ())

    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(5):
            await worker.work(runtime, service.subscriptions, ())
