"""Free slots of tutors."""

from fastapi import APIRouter, Response

from services.bookings.actions import slots
from services.bookings.actions.slots import EmptyCalendar
from services.bookings.owners import Verified
from services.bookings.views.slots import Slots, SlotView, to_json
from shared.auth import Actor, Now
from shared.http import never_answers
from shared.types import Id

router = APIRouter(prefix="/api/tutors", tags=["Tutor Availability"])


@router.get("/{tutor_id}/available-slots", response_model=list[SlotView])
@never_answers(EmptyCalendar)
async def available_slots(tutor_id: Id, query: Slots, actor: Actor, verified: Verified, now: Now) -> Response:
    """When a lesson could start, every half hour. All times are UTC; the dates are days in the tutor's zone, or in `timezone`."""
    try:
        found = await verified.reading(lambda tx: slots.offered(tx, actor, tutor_id, query, now))
    except EmptyCalendar:
        found = []
    return Response(to_json(found), media_type="application/json")
