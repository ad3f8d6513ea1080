"""Tutors as people find them."""

from fastapi import APIRouter

from services.profiles.actions import tutors
from services.profiles.queries.students import STATISTICS, Statistics
from services.profiles.routes.dependencies import Photos, Viewer
from services.profiles.views.tutors import TutorCard, TutorDetail
from shared.auth import Actor, Now
from shared.db import Reading
from shared.types import Id

router = APIRouter(prefix="/api/tutors", tags=["Tutor Profiles"])


@router.get("/{tutor_id}/public")
async def get_public_profile(tutor_id: Id, tx: Reading, viewer: Viewer, photos: Photos) -> TutorCard:
    """One approved tutor."""
    profile = await tutors.find_shown(tx, tutor_id, viewer)
    return TutorCard.of(profile, photos, for_student=viewer is not None)


@router.get("/{tutor_id}")
async def get_tutor(tutor_id: Id, actor: Actor, tx: Reading, viewer: Viewer, photos: Photos, now: Now) -> TutorDetail:
    """One tutor, with calendar and background. Who is not approved yet is seen by the tutor and administrators only."""
    profile = await tutors.find(tx, tutor_id, viewer)
    is_private = actor.is_admin or actor.user_id == profile.user_id
    if not profile.is_shown and not is_private:
        raise tutors.TutorNotFound
    return TutorDetail.of(
        profile,
        photos,
        await tutors.windows_of(tx, profile, now),
        await tx.one(Statistics, STATISTICS, tutor_id=tutor_id),
        for_student=viewer is not None,
        with_private=is_private,
    )
