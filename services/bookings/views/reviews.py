"""Reviews as clients write and see them."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StrictInt

from services.bookings.queries.reviews import Review
from services.bookings.views.fields import MaybeNote, required
from shared.types import Id, Instant, Note

Stars = Annotated[StrictInt, Field(ge=1, le=5)]


class ReviewRequest(BaseModel):
    booking_id: Id
    rating: Stars
    comment: MaybeNote = None


class ReviewChange(BaseModel):
    rating: Annotated[Stars | None, AfterValidator(required)] = None
    comment: MaybeNote = None


class RespondRequest(BaseModel):
    response: Note


class ReviewView(BaseModel):
    """A review as its writer and its tutor see it."""

    id: int
    booking_id: int
    tutor_id: int
    student_id: int
    rating: int
    comment: str | None
    tutor_response: str | None
    responded_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, review: Review) -> Self:
        return cls(
            id=review.id,
            booking_id=review.booking_id,
            tutor_id=review.tutor_id,
            student_id=review.student_id,
            rating=review.rating,
            comment=review.comment,
            tutor_response=review.response,
            responded_at=review.responded_at,
            created_at=review.created_at,
            updated_at=review.updated_at,
        )


class PublicReview(BaseModel):
    """A review as everybody sees it: the student is a first name and an initial."""

    id: int
    tutor_id: int
    booking_id: int
    student_name: str
    rating: int
    comment: str | None
    tutor_response: str | None
    created_at: Instant

    @classmethod
    def of(cls, review: Review) -> Self:
        return cls(
            id=review.id,
            tutor_id=review.tutor_id,
            booking_id=review.booking_id,
            student_name=review.student_name,
            rating=review.rating,
            comment=review.comment,
            tutor_response=review.response,
            created_at=review.created_at,
        )
