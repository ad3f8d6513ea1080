"""Reviews of lessons."""

from fastapi import APIRouter

from services.bookings.actions import reviews
from services.bookings.owners import Verified
from services.bookings.views.reviews import PublicReview, RespondRequest, ReviewChange, ReviewRequest, ReviewView
from shared.auth import MaybeActor, Now, Student, Tutor
from shared.db import Transaction
from shared.idempotency import OnceOnly
from shared.paging import Paging
from shared.types import Id

router = APIRouter(tags=["Reviews"])


@router.post("/api/reviews", status_code=201)
async def write_review(body: ReviewRequest, actor: Student, tx: Transaction, once: OnceOnly, now: Now) -> ReviewView:
    """Review a completed lesson, once, within 90 days."""

    async def write() -> ReviewView:
        return ReviewView.of(await reviews.write(tx, actor, body, now))

    return await once(tx, actor, body, ReviewView, write)


@router.patch("/api/reviews/{review_id}")
async def edit_review(review_id: Id, body: ReviewChange, actor: Student, tx: Transaction, now: Now) -> ReviewView:
    """Change one's review, within 7 days."""
    return ReviewView.of(await reviews.edit(tx, actor, review_id, body, now))


@router.post("/api/reviews/{review_id}/response", status_code=201)
async def respond_to_review(
    review_id: Id, body: RespondRequest, actor: Tutor, tx: Transaction, once: OnceOnly, now: Now
) -> ReviewView:
    """Answer a review of one's lesson, once."""

    async def respond() -> ReviewView:
        return ReviewView.of(await reviews.respond(tx, actor, review_id, body, now))

    return await once(tx, actor, (review_id, body), ReviewView, respond)


@router.get("/api/reviews/tutors/{tutor_id}")
async def list_reviews(tutor_id: Id, viewer: MaybeActor, verified: Verified, paging: Paging) -> list[PublicReview]:
    """A tutor's reviews, newest first. Who is not shown is seen by the tutor and administrators only."""
    found = await verified.reading(lambda tx: reviews.page_of(tx, viewer, tutor_id, paging))
    return [PublicReview.of(review) for review in found]


@router.get("/api/tutors/{tutor_id}/reviews")
async def list_tutor_reviews(tutor_id: Id, viewer: MaybeActor, verified: Verified, paging: Paging) -> list[PublicReview]:
    """A tutor's reviews, newest first. Who is not shown is seen by the tutor and administrators only."""
    return await list_reviews(tutor_id, viewer, verified, paging)
