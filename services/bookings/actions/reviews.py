"""Reviews of lessons, and the ratings they sum up to."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg

from services.bookings.actions import replicas
from services.bookings.actions.lessons import BookingNotFound
from services.bookings.queries import lessons
from services.bookings.queries import reviews as queries
from services.bookings.queries.lessons import Booking
from services.bookings.queries.reviews import Rating, Review
from services.bookings.rules import reviews as rules
from services.bookings.rules.reviews import AlreadyReviewed
from services.bookings.views.reviews import RespondRequest, ReviewChange, ReviewRequest
from shared.auth import Principal
from shared.db import Tx
from shared.errors import NotFound
from shared.events.bookings import RatingChanged, ReviewReceived
from shared.outbox import publish
from shared.paging import Page


class ReviewNotFound(NotFound):
    detail = "There is no such review."


async def write(tx: Tx, actor: Principal, request: ReviewRequest, now: datetime) -> Review:
    """Review a lesson one took. Raises `BookingNotFound`, what the rules say, or `AlreadyReviewed`, also under race."""
    booking = await tx.maybe(Booking, lessons.BY_ID, id=request.booking_id)
    if booking is None or booking.student_id != actor.user_id:
        raise BookingNotFound
    rules.check_reviewable(booking, now)
    try:
        review = await tx.one(
            Review,
            queries.INSERT,
            booking_id=booking.id,
            tutor_id=booking.tutor_id,
            tutor_user_id=booking.tutor_user_id,
            student_id=actor.user_id,
            rating=request.rating,
            comment=request.comment,
            now=now,
        )
    except psycopg.errors.UniqueViolation as error:
        raise AlreadyReviewed from error
    await publish(tx, _received(review))
    await _rate(tx, review.tutor_id, 1, review.rating)
    return review


async def edit(tx: Tx, actor: Principal, review_id: int, request: ReviewChange, now: datetime) -> Review:
    """Change one's own review, for some days."""
    before = await _lock(tx, review_id)
    if before.student_id != actor.user_id:
        raise ReviewNotFound
    rules.check_editable(before.created_at, now)
    changes = request.model_dump(exclude_unset=True)
    if all(getattr(before, name) == value for name, value in changes.items()):
        return before
    review = await _write(tx, before, now, **changes)
    await publish(tx, _received(review, edited=True))
    if review.rating != before.rating:
        await _rate(tx, review.tutor_id, 0, review.rating - before.rating)
    return review


async def respond(tx: Tx, actor: Principal, review_id: int, request: RespondRequest, now: datetime) -> Review:
    """The tutor's answer to a review, given once."""
    before = await _lock(tx, review_id)
    if before.tutor_user_id != actor.user_id:
        raise ReviewNotFound
    rules.check_unanswered(before.response)
    review = await _write(tx, before, now, response=request.response, responded_at=now)
    await publish(tx, _received(review, responded=True))
    return review


async def page_of(tx: Tx, viewer: Principal | None, tutor_id: int, page: Page) -> list[Review]:
    """One page of a tutor's reviews, newest first. Raises `TutorNotFound` where the tutor is not theirs to see."""
    await replicas.find_shown(tx, tutor_id, viewer)
    return await tx.all(Review, queries.OF_TUTOR, tutor_id=tutor_id, limit=page.limit, offset=page.offset)


def rating_state(rating: Rating) -> dict[str, Any]:
    """The fields of the rating event."""
    average = None
    if rating.total_reviews:
        average = (Decimal(rating.sum_of_ratings) / rating.total_reviews).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {
        "tutor_id": rating.tutor_id,
        "version": rating.version,
        "average_rating": average,
        "total_reviews": rating.total_reviews,
    }


async def _rate(tx: Tx, tutor_id: int, reviews: int, stars: int) -> None:
    rating = await tx.one(Rating, queries.RATE, tutor_id=tutor_id, reviews=reviews, stars=stars)
    await publish(tx, RatingChanged(**rating_state(rating)))


async def _lock(tx: Tx, review_id: int) -> Review:
    review = await tx.maybe(Review, queries.LOCKED, id=review_id)
    if review is None:
        raise ReviewNotFound
    return review


async def _write(tx: Tx, before: Review, now: datetime, **changes: Any) -> Review:
    kept = {name: getattr(before, name) for name in ("rating", "comment", "response", "responded_at")}
    return await tx.one(Review, queries.UPDATE, id=before.id, now=now, **kept | changes)


def _received(review: Review, *, edited: bool = False, responded: bool = False) -> ReviewReceived:
    return ReviewReceived(
        review_id=review.id,
        version=review.version,
        booking_id=review.booking_id,
        tutor_id=review.tutor_id,
        tutor_user_id=review.tutor_user_id,
        student_id=review.student_id,
        rating=review.rating,
        edited=edited,
        responded=responded,
    )
