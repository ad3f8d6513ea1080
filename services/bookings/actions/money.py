"""The ledger: every charge and every refund, each told to the payment provider afterwards by the worker."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

from services.bookings.payments import PaymentProvider
from services.bookings.queries import packages as queries
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Entry, Purchase
from shared import logs
from shared.db import Tx
from shared.events.bookings import PaymentRecorded
from shared.outbox import publish

PROVIDER_WAIT = 10.0  # seconds: less than a transaction may idle
PUT_OFF = (timedelta(seconds=10), timedelta(hours=6))
"""How long an entry waits after its first failure, and at most; twice as long after each."""

log = logs.get(__name__)


async def note(tx: Tx, thing: Booking | Purchase, amount: Decimal, now: datetime) -> None:
    """Write down what the student owes (positive) or gets back (negative) for a lesson or a purchase. Zero is not noted."""
    if not amount:
        return
    await tx.run(
        queries.NOTE_MONEY,
        booking_id=thing.id if isinstance(thing, Booking) else None,
        purchase_id=thing.id if isinstance(thing, Purchase) else None,
        student_id=thing.student_id,
        kind="charge" if amount > 0 else "refund",
        amount=amount,
        currency=thing.currency,
        now=now,
    )


async def settle(tx: Tx, provider: PaymentProvider, now: datetime) -> int:
    """Have the provider collect or pay back the next entry that is due. What fails is put off, longer each time; how many were
    tried."""
    entry = await tx.maybe(Entry, queries.UNSETTLED, now=now)
    if entry is None:
        return 0
    try:
        async with asyncio.timeout(PROVIDER_WAIT):
            reference = await provider.settle(entry)
    except Exception as error:  # whatever a provider fails with: other people's payments must not wait for this one
        log.warning("payment_failed", entry_id=entry.id, attempts=entry.attempts + 1, error=repr(error))
        await tx.run(queries.PUT_OFF, id=entry.id, next_try_at=now + _put_off(entry.attempts))
        return 1
    await tx.run(queries.SETTLE, id=entry.id, provider=provider.name, reference=reference, now=now)
    await publish(tx, _recorded(entry, provider.name, reference))
    return 1


def _put_off(attempts: int) -> timedelta:
    doublings: int = min(attempts, 12)  # no more are needed, and many more would be beyond what a timedelta holds
    return min(PUT_OFF[0] * (1 << doublings), PUT_OFF[1])


def _recorded(entry: Entry, provider: str, reference: str) -> PaymentRecorded:
    return PaymentRecorded(
        entry_id=entry.id,
        booking_id=entry.booking_id,
        purchase_id=entry.purchase_id,
        student_id=entry.student_id,
        kind="charge" if entry.amount > 0 else "refund",
        amount=abs(entry.amount),
        currency=entry.currency,
        provider=provider,
        reference=reference,
    )
