"""The counters against the rows that they count."""

from datetime import date

from services.reporting.integrity.comparing import Finding
from services.reporting.queries import COUNT_AGAIN, COUNTERS_LOCK, COUNTERS_WRONG, FORGET_COUNTERS, Miscount
from shared.db import Database

ALL_TIME = date(1, 1, 1)
PATIENCE = "SET LOCAL statement_timeout = '60s'"


async def check(database: Database, *, repair: bool) -> list[Finding]:
    """Counters that are wrong; with `repair` they are counted anew, while events wait."""
    async with database.transaction() as tx:
        await tx.run(PATIENCE)
        wrong = await tx.all(Miscount, COUNTERS_WRONG)
        if wrong and repair:
            await tx.run(COUNTERS_LOCK)
            await tx.run(FORGET_COUNTERS)
            await tx.run(COUNT_AGAIN)
    return [Finding("reporting", "counter", None, _said(miscount)) for miscount in wrong]


def _said(miscount: Miscount) -> str:
    month = "" if miscount.month == ALL_TIME else f" {miscount.month:%Y-%m}"
    return f"{miscount.measure}{month} {miscount.key}: {miscount.kept:f}, not {miscount.counted:f}"
