"""What the profiles service hears."""

from datetime import UTC, datetime

from services.profiles.actions import accounts, catalogue, students
from services.profiles.queries.accounts import KEEP_PRESENCE
from shared.db import Tx
from shared.events.auth import ACCOUNT_EVENTS, AccountEvent
from shared.events.bookings import BOOKING_EVENTS, BookingEvent, RatingChanged
from shared.events.notifications import PresenceChanged
from shared.inbox import Subscriptions

subscriptions = Subscriptions("profiles")


@subscriptions.on(*ACCOUNT_EVENTS)
async def keep_account(tx: Tx, event: AccountEvent) -> None:
    await accounts.keep(tx, event, datetime.now(UTC))


@subscriptions.on(*BOOKING_EVENTS)
async def keep_lesson(tx: Tx, event: BookingEvent) -> None:
    await students.keep_lesson(tx, event)


@subscriptions.on(RatingChanged)
async def rate_tutor(tx: Tx, event: RatingChanged) -> None:
    await catalogue.rate(tx, event)


@subscriptions.on(PresenceChanged)
async def keep_presence(tx: Tx, event: PresenceChanged) -> None:
    await tx.run(KEEP_PRESENCE, user_id=event.user_id, version=event.version, is_online=event.is_online)
