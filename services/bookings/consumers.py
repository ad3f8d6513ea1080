"""What the bookings service hears: accounts and tutors, to keep its replicas."""

from datetime import UTC, datetime

from services.bookings.actions import moves, replicas
from services.bookings.queries import replicas as queries
from shared.db import Tx
from shared.events.auth import ACCOUNT_EVENTS, AccountEvent, UserPurged
from shared.events.profiles import TUTOR_EVENTS, TutorEvent
from shared.inbox import Subscriptions

subscriptions = Subscriptions("bookings")


@subscriptions.on(*TUTOR_EVENTS)
async def know_tutor(tx: Tx, event: TutorEvent) -> None:
    await replicas.put_tutor(tx, event)


@subscriptions.on(*ACCOUNT_EVENTS)
async def know_account(tx: Tx, event: AccountEvent) -> None:
    await replicas.put_account(tx, event)


@subscriptions.on(UserPurged)
async def forget_person(tx: Tx, event: UserPurged) -> None:
    """Cancel what the person was still to attend, and drop the words they left with their lessons."""
    now = datetime.now(UTC)
    for row in await tx.rows(queries.LIVE_OF, user_id=event.user_id, now=now):
        await moves.cancel_for_gone(tx, row["id"], now)
    for statement in (queries.FORGET_NOTES, queries.FORGET_REASONS, queries.FORGET_MOVE_REASONS, queries.FORGET_ANSWERS):
        await tx.run(statement, user_id=event.user_id)
