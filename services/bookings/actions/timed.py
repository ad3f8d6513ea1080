"""What time does to lessons, purchases and payments; the worker calls these, and several workers may at once."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import psycopg

from services.bookings.actions import credits, moves
from services.bookings.actions.events import booking_state
from services.bookings.queries import lessons, packages
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Purchase
from services.bookings.rules import lessons as rules
from services.bookings.rules.states import By, Move
from shared import logs
from shared.db import Tx
from shared.errors import describe
from shared.events.bookings import BookingReminderDue
from shared.outbox import publish

Due = TypeVar("Due", Booking, Purchase)

log = logs.get(__name__)


async def expire_requests(tx: Tx, failed: list[int], batch: int, now: datetime) -> int:
    """End requests that nobody answered in time; how many were due."""

    async def expire(booking: Booking) -> None:
        await moves.carry_out(tx, booking, Move.EXPIRE, By.SYSTEM, now)

    return await _each(tx, await tx.all(Booking, lessons.DUE_TO_EXPIRE, failed=failed, batch=batch, now=now), expire, failed)


async def complete_lessons(tx: Tx, failed: list[int], batch: int, now: datetime) -> int:
    """Complete lessons that are over; how many were due."""

    async def complete(booking: Booking) -> None:
        await moves.carry_out(tx, booking, Move.COMPLETE, By.SYSTEM, now)

    return await _each(tx, await tx.all(Booking, lessons.DUE_TO_COMPLETE, failed=failed, batch=batch, now=now), complete, failed)


async def remind(tx: Tx, failed: list[int], batch: int, now: datetime) -> int:
    """Say that lessons start soon, each reminder once; how many were due."""

    async def say(booking: Booking) -> None:
        await tx.run(lessons.SET_REMINDER, id=booking.id, remind_at=rules.next_reminder(booking.start_at, now))
        hours = rules.reminder_now(booking.start_at, now)
        if hours is not None:
            await publish(tx, BookingReminderDue(hours=hours, **booking_state(booking)))

    return await _each(tx, await tx.all(Booking, lessons.DUE_TO_REMIND, failed=failed, batch=batch, now=now), say, failed)


async def expire_purchases(tx: Tx, failed: list[int], batch: int, now: datetime) -> int:
    """Close purchases whose time is over; their credits stay visible, but pay for nothing. How many were due."""

    async def expire(purchase: Purchase) -> None:
        await credits.change(tx, purchase, status="expired")

    return await _each(tx, await tx.all(Purchase, packages.DUE_TO_EXPIRE, failed=failed, batch=batch, now=now), expire, failed)


async def _each(tx: Tx, due: list[Due], do: Callable[[Due], Awaitable[None]], failed: list[int]) -> int:
    """Do it to each: whatever is wrong with one, which joins `failed`, must not keep the others from it."""
    for row in due:
        try:
            async with tx.savepoint():
                await do(row)
        except psycopg.OperationalError:  # the trouble is not the row's
            raise
        except Exception as error:
            log.error("overdue_failed", kind=type(row).__name__, id=row.id, error=describe(error), exc_info=True)
            failed.append(row.id)
    return len(due)
