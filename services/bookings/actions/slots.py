"""Looking for free slots."""

from datetime import datetime, timedelta

from services.bookings.actions.replicas import TutorDoubted, bookable, calendar_of
from services.bookings.queries import slots as queries
from services.bookings.queries.slots import BusyTutor
from services.bookings.rules.slots import Slot, slots
from services.bookings.views.slots import SlotQuery
from shared.auth import Principal
from shared.db import Tx

MARGIN = timedelta(days=2)
"""Zones and the lessons that reach over the edge of the range: what is asked of the database is that much wider."""


class EmptyCalendar(TutorDoubted):
    """The replica knows of no time at all in the range: profiles may know better."""


async def offered(tx: Tx, actor: Principal, tutor_id: int, query: SlotQuery, now: datetime) -> list[Slot]:
    """The tutor's slots, in one statement. Raises `EmptyCalendar` where the replica knows of none."""
    low, high = query.span("UTC")
    asked = {"tutor_id": tutor_id, "student_id": actor.user_id, "low": low - MARGIN, "high": high + MARGIN}
    tutor = bookable(tutor_id, await tx.maybe(BusyTutor, queries.CALENDAR, **asked))
    busy = list(zip(tutor.busy_from, tutor.busy_until, strict=True))
    found = slots(calendar_of(tutor), busy, query.span(tutor.timezone), query.duration, now)
    if not found:
        raise EmptyCalendar(tutor_id)
    return [slot for slot in found if slot.is_available or query.include_unavailable]
