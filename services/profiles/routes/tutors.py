"""Tutors as people find them."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BeforeValidator

from services.profiles import reference
from services.profiles.actions import search, tutors
from services.profiles.actions.search import Criteria, Sort
from services.profiles.queries.students import STATISTICS, Statistics
from services.profiles.routes.dependencies import Photos, Viewer
from services.profiles.views.fields import Currency
from services.profiles.views.tutors import TutorCard, TutorDetail, TutorPage
from shared.auth import Actor, Now
from shared.db import Reading
from shared.paging import Paging
from shared.types import MAX_ID, Id, SearchTerm

router = APIRouter(prefix="/api/tutors", tags=["Tutor Profiles"])


def _codes(text: str) -> str:
    """Languages by code or name, separated by commas; empty ones do not count."""
    return ",".join(dict.fromkeys(reference.language_code(part) for part in text.split(",") if part.strip()))


def _none_if_blank(value: object) -> object:
    """Front ends send an empty search box as it is."""
    return None if isinstance(value, str) and not value.strip() else value


Languages = Annotated[str, AfterValidator(_codes)]
Amount = Annotated[Decimal, Query(ge=0, le=1_000_000)]


@router.get("")
async def search_tutors(
    tx: Reading,
    page: Paging,
    viewer: Viewer,
    photos: Photos,
    subject_id: Annotated[int | None, Query(gt=0, le=MAX_ID)] = None,
    min_rate: Amount | None = None,
    max_rate: Amount | None = None,
    experience_years: Annotated[int | None, Query(ge=0, le=1000)] = None,
    languages: Annotated[Languages | None, Query(max_length=200, description="Codes, separated by commas: any of them")] = None,
    search_for: Annotated[
        SearchTerm | None, BeforeValidator(_none_if_blank), Query(alias="search", description="Words, each perhaps mistyped")
    ] = None,
    sort: Sort = "rating",
    currency: Annotated[
        Currency | None, Query(description="Who charges in it; without it, rates of all currencies are compared")
    ] = None,
) -> TutorPage:
    """Approved tutors who meet all of the criteria."""
    codes = tuple(languages.split(",")) if languages else ()
    criteria = Criteria(subject_id, min_rate, max_rate, experience_years, codes, search_for, sort, currency)
    found, total = await search.find(tx, criteria, page, viewer)
    return TutorPage(
        items=[TutorCard.of(profile, photos, for_student=viewer is not None) for profile in found],
        total=total,
        page=page.number,
        page_size=page.size,
        total_pages=page.pages(total),
    )


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
