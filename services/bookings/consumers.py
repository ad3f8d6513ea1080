"""What the bookings service hears: accounts and tutors, to keep its replicas."""

from datetime import UTC, datetime

from services.bookings.actions import people, replicas
from shared.db import Tx
from shared.events.auth import ACCOUNT_EVENTS, AccountEvent
from shared.events.profiles import TUTOR_EVENTS, TutorEvent
from shared.inbox import Subscriptions

subscriptions = Subscriptions("bookings")


@subscriptions.on(*TUTOR_EVENTS)
async def know_tutor(tx: Tx, event: TutorEvent) -> None:
    await replicas.put_tutor(tx, event)


@subscriptions.on(*ACCOUNT_EVENTS)
async def know_account(tx: Tx, event: AccountEvent) -> None:
    await people.know(tx, event, datetime.now(UTC), again=True)
