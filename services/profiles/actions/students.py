"""Student profiles and favourite tutors."""

import dataclasses
from datetime import datetime
from typing import Any

from services.profiles.actions import tutors
from services.profiles.queries import students
from services.profiles.queries.students import Student
from services.profiles.queries.tutors import Card
from shared.db import Tx
from shared.errors import Conflict, NotFound
from shared.events.bookings import BookingConfirmed, BookingDeclined, BookingEvent, BookingSnapshot
from shared.paging import Page


class AlreadyFavorite(Conflict):
    detail = "This tutor is among your favorites already."


class NotFavorite(NotFound):
    detail = "This tutor is not among your favorites."


async def edit(tx: Tx, student: Student, changes: dict[str, Any]) -> Student:
    await tx.value(students.LOCK, user_id=student.user_id)
    if changes:
        newest = await tx.one(Student, students.BY_USER, user_id=student.user_id)
        await tx.run(students.SAVE, **dataclasses.asdict(newest) | changes)
    return await tx.one(Student, students.BY_USER, user_id=student.user_id)


async def add_favourite(tx: Tx, user_id: int, tutor_id: int) -> None:
    """Raises `TutorNotFound`, `AlreadyFavorite` (also under race)."""
    await tutors.find_shown(tx, tutor_id)
    if not await tx.run(students.ADD_FAVOURITE, user_id=user_id, tutor_id=tutor_id):
        raise AlreadyFavorite


async def remove_favourite(tx: Tx, user_id: int, tutor_id: int) -> None:
    """Raises `NotFavorite`."""
    if not await tx.run(students.DELETE_FAVOURITE, user_id=user_id, tutor_id=tutor_id):
        raise NotFavorite


async def favourites(tx: Tx, user_id: int, page: Page) -> list[Card]:
    """Those who can be found at the moment, latest added first."""
    return await tx.all(Card, students.FAVOURITES, viewer=user_id, limit=page.limit, offset=page.offset)


async def keep_lesson(tx: Tx, event: BookingEvent) -> None:
    """Take over what statistics need of a booking."""
    answered_at = _answered_at(event)
    is_news = await tx.run(
        students.KEEP_LESSON,
        booking_id=event.booking_id,
        version=event.version,
        tutor_id=event.tutor_id,
        student_id=event.student_id,
        status=event.status,
        requested_at=event.created_at,
        answered_at=answered_at,
        knows_all=isinstance(event, BookingSnapshot),
    )
    if answered_at is not None and not is_news:
        await tx.run(students.KEEP_ANSWER, booking_id=event.booking_id, answered_at=answered_at)


def _answered_at(event: BookingEvent) -> datetime | None:
    """When the tutor answered, if the event says so."""
    if isinstance(event, BookingSnapshot):
        return event.answered_at
    return event.occurred_at if isinstance(event, BookingConfirmed | BookingDeclined) and event.by == "tutor" else None
