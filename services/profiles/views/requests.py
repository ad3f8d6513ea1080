"""What tutors and administrators send about tutor profiles."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from services.profiles.views.fields import Currency, Kept, Language, Rate, Year
from shared.types import Headline, Id, LongText, Reason, Title

_SITES = ("youtube.com", "youtu.be", "youtube-nocookie.com", "vimeo.com", "loom.com")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")  # of anything else browsers make a host of their own: "\" is a "/" to them
_FILE = re.compile(r"\.(mp4|webm|mov|m4v|ogv)$", re.IGNORECASE)


def _video(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    known = any(host == site or host.endswith(f".{site}") for site in _SITES)
    if parts.scheme != "https" or "@" in parts.netloc or not _HOST.fullmatch(host) or not (known or _FILE.search(parts.path)):
        raise ValueError("must be an https address of YouTube, Vimeo or Loom, or of a video file (mp4, webm, mov)")
    return url


def _without_repeats(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


VideoUrl = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_video)
]


class AboutRequest(BaseModel):
    """What is not sent stays; null clears."""

    title: Title | None = None
    headline: Headline | None = None
    bio: LongText | None = None
    teaching_philosophy: LongText | None = None
    experience_years: Kept[Annotated[int, Field(ge=0, le=80)]] = None
    languages: Kept[Annotated[list[Language], Field(max_length=30), AfterValidator(_without_repeats)]] = None


class SubjectsRequest(BaseModel):
    subject_ids: list[Id] = Field(max_length=50)


class PricingRequest(BaseModel):
    """What is not sent stays."""

    hourly_rate: Kept[Rate] = None
    currency: Kept[Currency] = None


class DescriptionRequest(BaseModel):
    """What is not sent stays; null clears it."""

    description: LongText | None = None


class VideoRequest(BaseModel):
    """What is not sent stays; null removes it."""

    video_url: VideoUrl | None = None


class Certification(BaseModel):
    title: Title
    issuer: Title | None = None
    year: Year | None = None


class CertificationsRequest(BaseModel):
    certifications: list[Certification] = Field(max_length=20)


class Degree(BaseModel):
    degree: Title
    institution: Title | None = None
    year: Year | None = None


class EducationRequest(BaseModel):
    education: list[Degree] = Field(max_length=20)


class RejectRequest(BaseModel):
    rejection_reason: Reason
