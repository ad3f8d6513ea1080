"""Tutor profiles as their owner, the public and administrators see them."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel

from services.profiles import reference
from services.profiles.queries.calendar import Window
from services.profiles.queries.students import Statistics
from services.profiles.queries.tutors import Card, Profile
from services.profiles.rules.approval import Status
from services.profiles.rules.education import headline_degree
from services.profiles.views.calendar import WindowView
from services.profiles.views.requests import Certification, Degree
from shared.paging import Page
from shared.types import Instant, Money


class SubjectOfTutor(BaseModel):
    id: int
    name: str
    category: str | None


class _Shown(BaseModel):
    """What all views have in common."""

    id: int
    user_id: int
    name: str
    title: str | None
    headline: str | None
    bio: str | None
    hourly_rate: Money | None
    currency: str
    experience_years: int
    languages: list[str]
    subjects: list[SubjectOfTutor]
    avatar_url: str
    average_rating: float
    """0 while there are no reviews."""
    total_reviews: int
    is_approved: bool
    is_online: bool


class TutorCard(_Shown):
    """A tutor in lists and on the public page."""

    education: str | None
    """The highest degree."""
    is_favorite: bool | None = None
    """For a signed-in student."""

    @classmethod
    def of(cls, profile: Card, photos: str, *, for_student: bool = False) -> Self:
        return cls(
            **_common(profile, photos),
            languages=_names(profile.languages),
            education=headline_degree(profile.education),
            is_favorite=profile.is_favourite if for_student else None,
        )


class TutorPage(BaseModel):
    items: list[TutorCard]
    total: int
    page: int
    page_size: int
    total_pages: int

    @classmethod
    def of(cls, cards: Sequence[Card], total: int, page: Page, photos: str, *, for_student: bool) -> Self:
        return cls(
            items=[TutorCard.of(card, photos, for_student=for_student) for card in cards],
            total=total,
            page=page.number,
            page_size=page.size,
            total_pages=page.pages(total),
        )


class ResponseStatistics(BaseModel):
    """How the tutor answered booking requests of the last 90 days, of those answered or expired. Null where there were none."""

    response_rate: float | None
    response_time_minutes: int | None

    @classmethod
    def of(cls, statistics: Statistics) -> Self:
        rate = round(statistics.answered / statistics.requests, 2) if statistics.requests else None
        return cls(response_rate=rate, response_time_minutes=statistics.response_minutes)


class TutorDetail(_Shown):
    """A tutor as signed-in people see one."""

    teaching_philosophy: str | None
    description: str | None
    education: list[Degree]
    certifications: list[Certification]
    video_url: str | None
    timezone: str
    availability: list[WindowView]
    response_statistics: ResponseStatistics
    total_sessions: int
    is_favorite: bool | None
    member_since: Instant
    profile_status: str | None = None
    """This and what follows: for the tutor and administrators."""
    rejection_reason: str | None = None
    submitted_at: Instant | None = None
    decided_at: Instant | None = None

    @classmethod
    def of(
        cls,
        profile: Profile,
        photos: str,
        windows: Sequence[Window],
        statistics: Statistics,
        *,
        for_student: bool,
        with_private: bool,
    ) -> Self:
        return cls(
            **_common(profile, photos),
            languages=_names(profile.languages),
            teaching_philosophy=profile.teaching_philosophy,
            description=profile.description,
            education=[Degree.model_construct(**entry) for entry in profile.education],
            certifications=[Certification.model_construct(**entry) for entry in profile.certifications],
            video_url=profile.video_url,
            timezone=profile.timezone,
            availability=[WindowView.of(w) for w in windows],
            response_statistics=ResponseStatistics.of(statistics),
            total_sessions=statistics.total_sessions,
            is_favorite=profile.is_favourite if for_student else None,
            member_since=profile.created_at,
            **(_private(profile) if with_private else {}),
        )


class OwnProfile(_Shown):
    """A tutor's profile as its owner and administrators see it; languages are codes."""

    teaching_philosophy: str | None
    description: str | None
    education: list[Degree]
    certifications: list[Certification]
    video_url: str | None
    photo_url: str | None
    timezone: str
    availability: list[WindowView]
    profile_status: str
    rejection_reason: str | None
    submitted_at: Instant | None
    decided_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, profile: Profile, photos: str, windows: Sequence[Window]) -> Self:
        return cls(
            **_common(profile, photos),
            **_private(profile),
            languages=profile.languages,
            teaching_philosophy=profile.teaching_philosophy,
            description=profile.description,
            education=[Degree.model_construct(**entry) for entry in profile.education],
            certifications=[Certification.model_construct(**entry) for entry in profile.certifications],
            video_url=profile.video_url,
            photo_url=f"{photos}/{profile.photo_name}" if profile.photo_name else None,
            timezone=profile.timezone,
            availability=[WindowView.of(w) for w in windows],
            created_at=profile.created_at,
            updated_at=profile.updated_at,
        )


class SubmittedView(BaseModel):
    message: str
    status: str


class DecisionView(BaseModel):
    message: str
    tutor_id: int
    status: str


class PhotoView(BaseModel):
    photo_url: str
    avatar_url: str
    uploaded_at: Instant


def _common(profile: Card, photos: str) -> dict[str, Any]:
    return {
        "id": profile.id,
        "user_id": profile.user_id,
        "name": profile.name,
        "title": profile.title,
        "headline": profile.headline,
        "bio": profile.bio,
        "hourly_rate": profile.hourly_rate,
        "currency": profile.currency,
        "experience_years": profile.experience_years,
        "subjects": profile.subjects,
        "avatar_url": f"{photos}/{profile.photo_name}" if profile.photo_name else profile.avatar_url,
        "average_rating": profile.average_rating,
        "total_reviews": profile.total_reviews,
        "is_approved": profile.status == Status.APPROVED,
        "is_online": profile.is_online,
    }


def _private(profile: Profile) -> dict[str, Any]:
    return {
        "profile_status": profile.status,
        "rejection_reason": profile.rejection_reason,
        "submitted_at": profile.submitted_at,
        "decided_at": profile.decided_at,
    }


def _names(codes: Sequence[str]) -> list[str]:
    """English names, as the public sees them."""
    names = reference.languages()
    return [names.get(code, code) for code in codes]
