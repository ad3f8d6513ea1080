"""What time does to lessons, purchases and payments; the worker calls these, and several workers may at once."""

from datetime import datetime

from services.bookings.actions import moves
from services.bookings.actions.events import booking_state, purchase_state
from services.bookings.queries import lessons, packages
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Purchase
from services.bookings.rules import lessons as rules
from services.bookings.rules.states import By, Move
from shared.db import Tx
from shared.events.bookings import BookingReminderDue, PurchaseChanged
from shared.outbox import publish


async def expire_requests(tx: Tx, batch: int, now: datetime) -> int:
    """End requests that nobody answered in time; how many."""
    due = await tx.all(Booking, lessons.DUE_TO_EXPIRE, batch=batch, now=now)
    for booking in due:
        await moves.carry_out(tx, booking, Move.EXPIRE, By.SYSTEM, now)
    return len(due)


async def complete_lessons(tx: Tx, batch: int, now: datetime) -> int:
    """Complete lessons that are over; how many."""
    due = await tx.all(Booking, lessons.DUE_TO_COMPLETE, batch=batch, now=now)
    for booking in due:
        await moves.carry_out(tx, booking, Move.COMPLETE, By.SYSTEM, now)
    return len(due)


async def remind(tx: Tx, batch: int, now: datetime) -> int:
    """Say that lessons start soon, each reminder once; how many were due."""
    due = await tx.all(Booking, lessons.DUE_TO_REMIND, batch=batch, now=now)
    for booking in due:
        await tx.run(lessons.SET_REMINDER, id=booking.id, remind_at=rules.next_reminder(booking.start_at, now))
        hours = rules.reminder_now(booking.start_at, now)
        if hours is not None:
            await publish(tx, BookingReminderDue(hours=hours, **booking_state(booking)))
    return len(due)


async def expire_purchases(tx: Tx, batch: int, now: datetime) -> int:
    """Close purchases whose time is over; their credits stay visible, but pay for nothing. How many."""
    due = await tx.all(Purchase, packages.DUE_TO_EXPIRE, batch=batch, now=now)
    for purchase in due:
        changed = await tx.one(
            Purchase,
            packages.CHANGE_PURCHASE,
            id=purchase.id,
            credits=purchase.credits_remaining,
            refunded=purchase.refunded,
            status="expired",
            expires_at=purchase.expires_at,
        )
        await publish(tx, PurchaseChanged(**purchase_state(changed)))
    return len(due)
