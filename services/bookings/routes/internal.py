"""What other services may ask when their replica of a lesson lags."""

from fastapi import APIRouter

from services.bookings.actions.events import booking_state
from services.bookings.queries import lessons
from services.bookings.queries.lessons import Booking
from shared.db import Reading
from shared.errors import NotFound
from shared.events.bookings import BookingSnapshot
from shared.neighbours import Internal
from shared.types import Id

router = APIRouter(prefix="/internal", dependencies=[Internal], include_in_schema=False)


@router.get("/bookings/{booking_id}")
async def booking_snapshot(booking_id: Id, tx: Reading) -> BookingSnapshot:
    booking = await tx.maybe(Booking, lessons.BY_ID, id=booking_id)
    if booking is None:
        raise NotFound
    return BookingSnapshot(**booking_state(booking))
