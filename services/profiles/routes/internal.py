"""What other services may ask."""

from fastapi import APIRouter

from services.profiles.actions import tutors
from services.profiles.queries.tutors import ID_OF_USER
from shared.auth import Now
from shared.db import Reading
from shared.events.profiles import TutorSnapshot
from shared.neighbours import Internal
from shared.types import Id

router = APIRouter(prefix="/internal/tutors", dependencies=[Internal], include_in_schema=False)


@router.get("/{tutor_id}")
async def tutor_snapshot(tutor_id: Id, tx: Reading, now: Now) -> TutorSnapshot:
    """The state of a profile as its events carry it, for a service whose replica lags."""
    return TutorSnapshot(**await tutors.state(tx, await tutors.find(tx, tutor_id), now))


@router.get("/of-user/{user_id}")
async def tutor_snapshot_of_user(user_id: Id, tx: Reading, now: Now) -> TutorSnapshot:
    """The same, by account."""
    found = await tx.value(ID_OF_USER, user_id=user_id)
    return TutorSnapshot(**await tutors.state(tx, await tutors.find(tx, found or 0), now))
