"""The ledger: every charge and every refund, each told to the payment provider afterwards by the worker."""

from datetime import datetime
from decimal import Decimal

from services.bookings.payments import PaymentProvider
from services.bookings.queries import packages as queries
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Entry, Purchase
from shared.db import Tx
from shared.events.bookings import PaymentRecorded
from shared.outbox import publish


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


async def settle(tx: Tx, provider: PaymentProvider, batch: int, now: datetime) -> int:
    """Have the provider collect and pay back what is not settled yet; how many entries there were."""
    entries = await tx.all(Entry, queries.UNSETTLED, batch=batch)
    for entry in entries:
        reference = await provider.settle(entry)
        await tx.run(queries.SETTLE, id=entry.id, provider=provider.name, reference=reference, now=now)
        await publish(
            tx,
            PaymentRecorded(
                entry_id=entry.id,
                booking_id=entry.booking_id,
                purchase_id=entry.purchase_id,
                student_id=entry.student_id,
                kind="charge" if entry.amount > 0 else "refund",
                amount=abs(entry.amount),
                currency=entry.currency,
                provider=provider.name,
                reference=reference,
            ),
        )
    return len(entries)
