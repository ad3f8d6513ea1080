"""What other services may ask when their replica of a lesson lags."""

from fastapi import APIRouter

from services.bookings.actions.events import snapshot
from services.bookings.queries import lessons
from services.bookings.queries.lessons import AnsweredBooking
from shared.db import Reading
from shared.errors import NotFound
from shared.events.bookings import BookingSnapshot
from shared.neighbours import Internal
from shared.types import Id

router = APIRouter(prefix="/internal", dependencies=[Internal], include_in_schema=False)


@router.get("/bookings/{booking_id}")
async def booking_snapshot(booking_id: Id, tx: Reading) -> BookingSnapshot:
    booking = await tx.maybe(AnsweredBooking, lessons.ANSWERED_BY_ID, id=booking_id)
    if booking is None:
        raise NotFound
    return snapshot(booking)
