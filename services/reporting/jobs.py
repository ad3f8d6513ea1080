"""What the reporting service does from time to time."""

from services.reporting import queries
from shared.worker import Job, Runtime

ACTIVITIES = 1000  # kept: the feed shows a hundred at most
MOST = 10_000  # forgotten at once


async def forget_activities(runtime: Runtime) -> None:
    """Drop what the feed will never show again."""
    async with runtime.database.transaction() as tx:
        await tx.run(queries.ACTIVITIES_FORGET, kept=ACTIVITIES, most=MOST)


JOBS = (Job("forget_activities", 60, forget_activities),)
