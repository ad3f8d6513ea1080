"""Who may review a lesson, and until when a review can be changed."""

from datetime import datetime, timedelta

from services.bookings.rules.lessons import Lesson, status_at
from services.bookings.rules.states import Status
from shared.errors import BadRequest, Conflict

REVIEW_WITHIN = timedelta(days=90)
EDIT_WITHIN = timedelta(days=7)


class NotCompleted(BadRequest):
    detail = "Only a completed lesson can be reviewed."


class ReviewTooLate(BadRequest):
    detail = f"A lesson can be reviewed for {REVIEW_WITHIN.days} days."


class AlreadyReviewed(BadRequest):
    detail = "You have reviewed this lesson already."


class EditTooLate(BadRequest):
    detail = f"A review can be changed for {EDIT_WITHIN.days} days."


class AlreadyAnswered(Conflict):
    detail = "You have answered this review already."


def check_reviewable(lesson: Lesson, now: datetime) -> None:
    if status_at(lesson, now) is not Status.COMPLETED:
        raise NotCompleted
    if now > lesson.end_at + REVIEW_WITHIN:
        raise ReviewTooLate


def check_editable(created_at: datetime, now: datetime) -> None:
    if now > created_at + EDIT_WITHIN:
        raise EditTooLate


def check_unanswered(response: str | None) -> None:
    if response is not None:
        raise AlreadyAnswered
