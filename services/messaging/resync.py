"""Saying again who blocks whom, for replicas that were lost or are in doubt: `python -m services.messaging resync`."""

from services.messaging import queries
from shared import logs
from shared.events.messaging import BlockChanged
from shared.outbox import publish
from shared.worker import Runtime

BATCH = 500  # blocks in one transaction
log = logs.get(__name__)


async def resync(runtime: Runtime) -> None:
    """Say every block as one of now, newer than whatever a replica has of it. Those that were lifted are not known."""
    after, said = {"blocker_id": 0, "blocked_id": 0}, 0
    while True:
        async with runtime.database.transaction() as tx:
            rows = await tx.rows(queries.BLOCKS_AFTER, **after, batch=BATCH)
            await publish(tx, *(BlockChanged(**row, is_blocked=True) for row in rows))
        if not rows:
            break
        after, said = {name: rows[-1][name] for name in after}, said + len(rows)
    log.info("resynced", blocks=said)
