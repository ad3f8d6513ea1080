"""What becomes of lessons and packages when an account is deactivated, deleted or purged."""

from datetime import datetime

from services.bookings.actions import credits, moves, replicas
from services.bookings.queries import replicas as queries
from shared import idempotency
from shared.db import Tx
from shared.events.auth import AccountEvent

FORGET = (queries.FORGET_NOTES, queries.FORGET_OFFERS, queries.FORGET_REASONS, queries.FORGET_MOVE_REASONS)


async def know(tx: Tx, event: AccountEvent, now: datetime, *, again: bool = False) -> bool:
    """Take in an account's state, with what follows from it; whether it was news. `again`: a purge is done once more where it is
    none, because the first time may have been lost."""
    is_news = await replicas.put_account(tx, event)
    if event.purged and (is_news or again):
        await _forget(tx, event.user_id, now)
    elif is_news and event.deleted_at is not None:
        await moves.cancel_all_of(tx, event.user_id, now)
        await credits.pay_back_all(tx, event.user_id, student_too=False, now=now)
    return is_news


async def _forget(tx: Tx, user_id: int, now: datetime) -> None:
    """Cancel what the person was still to attend, close their purchases, and drop what they wrote for lessons and packages."""
    await moves.cancel_all_of(tx, user_id, now)
    await credits.pay_back_all(tx, user_id, student_too=True, now=now)
    for statement in FORGET:
        await tx.run(statement, user_id=user_id)
    await idempotency.forget_of(tx, user_id)
