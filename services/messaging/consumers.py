"""What the messaging service hears: accounts and bookings, for its replicas."""

from services.messaging import replicas
from shared.db import Tx
from shared.events.auth import ACCOUNT_EVENTS, AccountEvent
from shared.events.bookings import BOOKING_EVENTS, BookingEvent
from shared.inbox import Subscriptions

subscriptions = Subscriptions("messaging")


@subscriptions.on(*ACCOUNT_EVENTS)
async def follow_account(tx: Tx, event: AccountEvent) -> None:
    await replicas.remember_person(tx, event)


@subscriptions.on(*BOOKING_EVENTS)
async def follow_booking(tx: Tx, event: BookingEvent) -> None:
    await replicas.remember_booking(tx, event)
