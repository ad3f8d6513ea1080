"""A tutor's own profile."""

from datetime import datetime

from fastapi import APIRouter

from services.profiles.actions import approval, calendar, tutors
from services.profiles.queries.tutors import Profile
from services.profiles.routes.dependencies import OwnTutor, Photos
from services.profiles.views.calendar import WeekRequest, WeekView, WindowView
from services.profiles.views.requests import (
    AboutRequest,
    CertificationsRequest,
    DescriptionRequest,
    EducationRequest,
    PricingRequest,
    SubjectsRequest,
    VideoRequest,
)
from services.profiles.views.tutors import OwnProfile, SubmittedView
from shared.auth import Now
from shared.db import Transaction, Tx

router = APIRouter(prefix="/api/tutors/me", tags=["Tutor Profiles"])


@router.get("/profile")
async def get_own_profile(tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """The profile as its owner sees it."""
    return await _view(tx, await tutors.get(tx, tutor_id), photos, now)


@router.patch("/about")
async def change_about(body: AboutRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """Title, headline, texts, experience, languages."""
    return await _view(tx, await tutors.edit(tx, tutor_id, now, **body.model_dump(exclude_unset=True)), photos, now)


@router.put("/subjects")
async def choose_subjects(body: SubjectsRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """What the tutor teaches: these subjects and no others."""
    return await _view(tx, await tutors.choose_subjects(tx, tutor_id, body.subject_ids, now), photos, now)


@router.patch("/pricing")
async def change_pricing(body: PricingRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """The price of an hour. Bookings made before keep theirs."""
    return await _view(tx, await tutors.price(tx, tutor_id, now, **body.model_dump(exclude_unset=True)), photos, now)


@router.put("/availability")
async def replace_week(body: WeekRequest, tutor_id: OwnTutor, tx: Transaction, now: Now) -> WeekView:
    """The weekly schedule as a whole, and its time zone. Windows of single dates and exceptions stay."""
    spans = [window.span() for window in body.weekly_schedule]
    profile, windows = await calendar.replace_week(tx, tutor_id, body.timezone, spans, now)
    weekly = [WindowView.of(w) for w in windows if w.weekday is not None]
    return WeekView(timezone=profile.timezone, weekly_schedule=weekly)


@router.put("/certifications")
async def replace_certifications(
    body: CertificationsRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now
) -> OwnProfile:
    """All certifications."""
    return await _view(tx, await tutors.edit(tx, tutor_id, now, **body.model_dump()), photos, now)


@router.put("/education")
async def replace_education(body: EducationRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """All degrees."""
    return await _view(tx, await tutors.edit(tx, tutor_id, now, **body.model_dump()), photos, now)


@router.patch("/description")
async def change_description(
    body: DescriptionRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now
) -> OwnProfile:
    """The short description."""
    return await _view(tx, await tutors.edit(tx, tutor_id, now, **body.model_dump(exclude_unset=True)), photos, now)


@router.patch("/video")
async def change_video(body: VideoRequest, tutor_id: OwnTutor, tx: Transaction, photos: Photos, now: Now) -> OwnProfile:
    """The address of the video that introduces the tutor."""
    return await _view(tx, await tutors.edit(tx, tutor_id, now, **body.model_dump(exclude_unset=True)), photos, now)


@router.post("/submit")
async def submit(tutor_id: OwnTutor, tx: Transaction, now: Now) -> SubmittedView:
    """Ask for approval; says what is missing."""
    profile = await approval.submit(tx, tutor_id, now)
    return SubmittedView(message="Profile submitted for review", status=profile.status)


async def _view(tx: Tx, profile: Profile, photos: str, now: datetime) -> OwnProfile:
    return OwnProfile.of(profile, photos, await tutors.windows_of(tx, profile, now))
