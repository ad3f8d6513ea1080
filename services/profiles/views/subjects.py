"""Subjects."""

from typing import Self

from pydantic import BaseModel

from services.profiles.queries.subjects import Subject
from services.profiles.views.fields import Kept
from shared.types import LongText, Name


class SubjectRequest(BaseModel):
    name: Name
    category: Name | None = None
    description: LongText | None = None


class SubjectChange(BaseModel):
    """What is not sent stays."""

    name: Kept[Name] = None
    category: Name | None = None
    description: LongText | None = None


class SubjectView(BaseModel):
    id: int
    name: str
    category: str | None
    description: str | None

    @classmethod
    def of(cls, subject: Subject) -> Self:
        return cls(id=subject.id, name=subject.name, category=subject.category, description=subject.description)
