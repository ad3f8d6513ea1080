"""What the worker does by the clock. Rows are claimed with SKIP LOCKED, so workers share the work and each row is done once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.bookings import metrics
from services.bookings.actions import money, timed
from services.bookings.payments import PROVIDERS
from services.bookings.queries import lessons
from services.bookings.settings import BookingsSettings
from shared.db import Tx
from shared.worker import Job, Runtime

BATCH = 100
Step = Callable[[Tx, list[int], int, datetime], Awaitable[int]]
"""Does a batch (the third) of what is due, none of those that failed in this run (the second); how many were due."""


async def drain(runtime: Runtime, step: Step, batch: int = BATCH) -> None:
    """Run `step` until it finds nothing more to do, one transaction per batch: after a stop, everything overdue is caught up."""
    done, failed = batch, list[int]()
    while done == batch:
        async with runtime.database.transaction() as tx:
            done = await step(tx, failed, batch, datetime.now(UTC))


async def expire_requests(runtime: Runtime) -> None:
    # One at a time: each may give a credit back, and a batch that holds several purchases could deadlock with another one.
    await drain(runtime, timed.expire_requests, batch=1)


async def complete_lessons(runtime: Runtime) -> None:
    await drain(runtime, timed.complete_lessons)


async def remind(runtime: Runtime) -> None:
    await drain(runtime, timed.remind)


async def expire_purchases(runtime: Runtime) -> None:
    await drain(runtime, timed.expire_purchases)


async def settle_payments(runtime: Runtime) -> None:
    assert isinstance(runtime.settings, BookingsSettings)  # noqa: S101  declared by the service
    provider = PROVIDERS[runtime.settings.payment_provider]
    await drain(runtime, lambda tx, _failed, _batch, now: money.settle(tx, provider, now), batch=1)


async def measure_overdue(runtime: Runtime) -> None:
    """Export how late the other jobs are."""
    async with runtime.database.reading() as tx:
        for row in await tx.rows(lessons.OVERDUE, now=datetime.now(UTC)):
            metrics.overdue.labels(row["what"]).set(row["seconds"])


JOBS = (
    Job("expire_requests", 5, expire_requests),
    Job("complete_lessons", 5, complete_lessons),
    Job("remind", 15, remind),
    Job("expire_purchases", 60, expire_purchases),
    Job("settle_payments", 2, settle_payments),
    Job("measure_overdue", 15, measure_overdue),
)
