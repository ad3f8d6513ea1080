"""Student profiles."""

from typing import Annotated, Self

import phonenumbers
from pydantic import AfterValidator, BaseModel, StringConstraints

from services.profiles.queries.students import Student
from services.profiles.views.fields import Kept, Language
from shared.types import Instant, LongText, Name, TimeZone, Title


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError("must be a phone number with its country code, such as +44 20 7946 0958") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is not a possible phone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40), AfterValidator(_phone)]


class StudentRequest(BaseModel):
    """What is not sent stays; null clears."""

    phone: Phone | None = None
    bio: LongText | None = None
    grade_level: Name | None = None
    school_name: Title | None = None
    learning_goals: LongText | None = None
    interests: LongText | None = None
    preferred_language: Language | None = None
    timezone: Kept[TimeZone] = None
    """The account's: it changes for everything."""


class StudentView(BaseModel):
    id: int
    user_id: int
    phone: str | None
    bio: str | None
    grade_level: str | None
    school_name: str | None
    learning_goals: str | None
    interests: str | None
    preferred_language: str | None
    timezone: str
    total_sessions: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, student: Student) -> Self:
        return cls(
            id=student.id,
            user_id=student.user_id,
            phone=student.phone,
            bio=student.bio,
            grade_level=student.grade_level,
            school_name=student.school_name,
            learning_goals=student.learning_goals,
            interests=student.interests,
            preferred_language=student.preferred_language,
            timezone=student.timezone,
            total_sessions=student.total_sessions,
            created_at=student.created_at,
            updated_at=student.updated_at,
        )


class MessageView(BaseModel):
    message: str
