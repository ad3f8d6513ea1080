"""What a service does besides answering: relay its outbox, consume its queue, run its periodic jobs."""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared import db, idempotency, inbox, logs, metrics, outbox
from shared.broker import Broker
from shared.db import Database
from shared.errors import describe
from shared.inbox import Consumer, Subscriptions
from shared.lasting import end_if_cancelled, lasting
from shared.outbox import Relay
from shared.settings import ServiceSettings

log = logs.get(__name__)


@dataclass(frozen=True)
class Runtime:
    """What a job gets."""

    settings: ServiceSettings
    database: Database


@dataclass(frozen=True)
class Job:
    """Something done again and again: at once at start, then `every` seconds after it ended. Several workers may run it at
    the same time, so its statements must claim what they work on (`FOR UPDATE SKIP LOCKED`)."""

    name: str
    every: float
    run: Callable[[Runtime], Awaitable[None]]


HOUSEKEEPING = (
    Job("measure_outbox", 5, lambda runtime: outbox.measure(runtime.database, runtime.settings.service)),
    Job("measure_database", 15, lambda runtime: db.measure_server(runtime.database, runtime.settings.service)),
    Job("forget_inbox", 3600, lambda runtime: inbox.forget_old(runtime.database)),
    Job("forget_idempotency_keys", 3600, lambda runtime: idempotency.forget_old(runtime.database)),
)


async def work(runtime: Runtime, subscriptions: Subscriptions, jobs: Sequence[Job]) -> None:
    """Run everything for ever. A failing job is logged and tried again; anything else that fails ends the process."""
    settings, name = runtime.settings, runtime.settings.service
    broker = Broker(settings.amqp_url, name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lasting(Relay(settings.database_url, broker, name).run))
        tasks.create_task(lasting(Consumer(subscriptions, runtime.database, broker).run))
        for job in (*jobs, *HOUSEKEEPING):
            tasks.create_task(lasting(partial(_repeat, job, runtime)))


async def _repeat(job: Job, runtime: Runtime) -> None:
    service = runtime.settings.service
    last_done = metrics.job_last_done.labels(service, job.name)
    last_done.set_to_current_time()  # or one that fails from the start would never be late
    metrics.job_period.labels(service, job.name).set(job.every)
    while True:
        try:
            await job.run(runtime)
            outcome = "done"
            last_done.set_to_current_time()
        except Exception as error:  # a job's failure is its own
            log.error("job_failed", job=job.name, error=describe(error), stack="".join(traceback.format_tb(error.__traceback__)))
            outcome = "failed"
        end_if_cancelled()
        metrics.job_runs.labels(service, job.name, outcome).inc()
        await asyncio.sleep(job.every * random.uniform(0.9, 1.1))  # noqa: S311  jitter, so that workers spread
