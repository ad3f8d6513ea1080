"""Saying the state of everything again, for replicas that were lost or are in doubt: `python -m services.bookings resync`."""

from collections.abc import Callable, Sequence
from typing import Any, LiteralString, TypeVar

from services.bookings.actions.events import purchase_state, snapshot
from services.bookings.actions.reviews import rating_state
from services.bookings.queries import lessons, packages, reviews
from services.bookings.queries.lessons import AnsweredBooking
from services.bookings.queries.packages import Purchase
from services.bookings.queries.reviews import Rating
from shared import logs
from shared.db import Database
from shared.events.base import Event
from shared.events.bookings import PurchaseChanged, RatingChanged
from shared.outbox import publish
from shared.worker import Runtime

BATCH = 500
R = TypeVar("R")
log = logs.get(__name__)


async def resync(runtime: Runtime) -> None:
    """Re-emit every lesson, purchase and rating. Whoever has a version already ignores it."""
    database = runtime.database
    told = {
        "bookings": await _tell(database, AnsweredBooking, lessons.ANSWERED_AFTER, snapshot, lambda b: b.id),
        "purchases": await _tell(
            database, Purchase, packages.PURCHASES_AFTER, lambda p: PurchaseChanged(**purchase_state(p)), lambda p: p.id
        ),
        "ratings": await _tell(
            database, Rating, reviews.RATINGS_AFTER, lambda r: RatingChanged(**rating_state(r)), lambda r: r.tutor_id
        ),
    }
    log.info("resynced", **told)


async def _tell(database: Database, kind: type[R], sql: LiteralString, say: Callable[[R], Event], key: Callable[[R], Any]) -> int:
    """Emit all rows of `sql` in batches, each in its own transaction, so that no lock is held for long."""
    after, count = 0, 0
    while True:
        async with database.transaction() as tx:
            rows: Sequence[R] = await tx.all(kind, sql, after=after, batch=BATCH)
            await publish(tx, *(say(row) for row in rows))
        if not rows:
            return count
        after, count = key(rows[-1]), count + len(rows)
