"""What time does to lessons, purchases and payments; the worker calls these, and several workers may at once."""

from datetime import datetime

from services.bookings.actions import credits, moves
from services.bookings.actions.events import booking_state
from services.bookings.queries import lessons, packages
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Purchase
from services.bookings.rules import lessons as rules
from services.bookings.rules.states import By, Move
from shared import logs
from shared.db import Tx
from shared.events.bookings import BookingReminderDue
from shared.outbox import publish

log = logs.get(__name__)


async def expire_request(tx: Tx, failed: list[int], now: datetime) -> bool:
    """End the next request that nobody answered in time, none of `failed`; whether there was one. It joins those if it fails."""
    booking = await tx.maybe(Booking, lessons.DUE_TO_EXPIRE, failed=failed, now=now)
    if booking is None:
        return False
    try:
        async with tx.savepoint():
            await moves.carry_out(tx, booking, Move.EXPIRE, By.SYSTEM, now)
    except Exception as error:  # whatever is wrong with one must not keep the others from expiring
        log.error("expiry_failed", booking_id=booking.id, error=repr(error), exc_info=True)
        failed.append(booking.id)
    return True


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
        await credits.change(tx, purchase, status="expired")
    return len(due)
