"""Booking a lesson, and looking at lessons."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg

from services.bookings.actions import credits, money, replicas
from services.bookings.actions.events import booking_state
from services.bookings.queries import lessons as queries
from services.bookings.queries.lessons import Booking, HistoryRow, ListedBooking, WantedTutor
from services.bookings.queries.replicas import Tutor
from services.bookings.rules import lessons as rules
from services.bookings.rules.lessons import Lesson
from services.bookings.rules.money import price
from services.bookings.rules.states import LIVE, Status
from services.bookings.views.lessons import BookRequest, ListFilter
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, NotFound, Unavailable
from shared.events.bookings import BookingRequested
from shared.outbox import publish
from shared.paging import Page

FILTERS: dict[ListFilter | None, tuple[LiteralString, Collection[Status]]] = {
    None: (queries.IN_STATES, tuple(Status)),
    ListFilter.UPCOMING: (queries.UPCOMING, LIVE),
    ListFilter.PENDING: (queries.PENDING, (Status.PENDING,)),
    ListFilter.COMPLETED: (queries.IN_STATES, (Status.COMPLETED,)),
    ListFilter.CANCELLED: (queries.IN_STATES, (Status.CANCELLED, Status.DECLINED, Status.EXPIRED)),
}
"""For each filter its condition, and the states that this lets through."""


class SlotTaken(BadRequest):
    detail = "The tutor or the student has another lesson at that time. Choose another slot."


class OwnLesson(BadRequest):
    detail = "Tutors cannot book themselves."


class BookingNotFound(NotFound):
    detail = "There is no such booking."


async def book(tx: Tx, actor: Principal, request: BookRequest, now: datetime) -> Booking:
    """Ask a tutor for a lesson: the slot is held at once. Raises what the names of the checks say, and `SlotTaken`."""
    tutor, lesson = await _possible(tx, actor, request, now)
    columns: dict[str, Any] = replicas.subject_of(tutor, request.subject_id)
    await queue(tx, {tutor.id}, {actor.user_id})
    columns |= await credits.paying(tx, actor.user_id, tutor.id, request, lesson, now)
    columns |= {"start_at": lesson.start_at, "end_at": lesson.end_at, "status": lesson.status, "respond_by": lesson.respond_by}
    with taking_time():
        booking = await tx.maybe(
            Booking,
            queries.INSERT,
            student_id=actor.user_id,
            tutor_id=tutor.id,
            tutor_user_id=tutor.user_id,
            lesson_type=request.lesson_type,
            currency=tutor.currency,
            notes_student=request.notes_student,
            now=now,
            **columns,
        )
    if booking is None:  # one of them has just left: asked again, the refusal says who
        raise Unavailable
    if booking.purchase_id is not None:
        await credits.take(tx, booking.purchase_id)
    await money.note(tx, booking, booking.price, now)
    await publish(tx, BookingRequested(**booking_state(booking)))
    return booking


async def _possible(tx: Tx, actor: Principal, request: BookRequest, now: datetime) -> tuple[Tutor, Lesson]:
    """The tutor and the lesson that is asked for, if nothing known so far speaks against it."""
    rules.check_start(request.start_at, now)  # first: the end of what lies too far away may be no date at all
    end_at = request.start_at + timedelta(minutes=request.duration_minutes)
    wanted = {"tutor_id": request.tutor_profile_id, "student_id": actor.user_id, "start_at": request.start_at, "end_at": end_at}
    tutor = replicas.bookable(request.tutor_profile_id, await tx.maybe(WantedTutor, queries.WANTED, **wanted))
    replicas.check_active(actor.user_id, tutor.student_is_active)
    if tutor.user_id == actor.user_id:
        raise OwnLesson
    assert tutor.hourly_rate is not None  # noqa: S101  who is bookable has one
    cost = price(tutor.hourly_rate, request.duration_minutes, tutor.currency)
    lesson = rules.requested(request.start_at, request.duration_minutes, cost, now)
    if not replicas.calendar_of(tutor).is_open(lesson.start_at, lesson.end_at):
        raise replicas.TutorNotAvailable(tutor.id)
    if tutor.is_taken:
        raise SlotTaken
    return tutor, lesson


async def queue(tx: Tx, tutors: set[int], students: set[int]) -> None:
    """Wait for whoever else changes lessons of these tutors and students."""
    await tx.run(queries.QUEUE, names=[f"tutor {n}" for n in sorted(tutors)] + [f"student {n}" for n in sorted(students)])


@contextmanager
def taking_time() -> Iterator[None]:
    """A lesson is written at its time inside. Raises `SlotTaken` where the tutor or the student is not free; the transaction is
    then lost."""
    try:
        yield
    except psycopg.errors.ExclusionViolation as error:
        raise SlotTaken from error


async def find(tx: Tx, actor: Principal, booking_id: int) -> Booking:
    """A lesson that the actor may see: a party of it, or an administrator."""
    booking = await tx.maybe(Booking, queries.BY_ID, id=booking_id)
    if booking is None or not (actor.is_admin or actor.user_id in (booking.student_id, booking.tutor_user_id)):
        raise BookingNotFound
    return booking


async def history(tx: Tx, booking_id: int) -> list[HistoryRow]:
    return await tx.all(HistoryRow, queries.HISTORY, id=booking_id)


async def page_of(
    tx: Tx, user_id: int, as_tutor: bool, which: ListFilter | None, page: Page, now: datetime
) -> tuple[list[ListedBooking], int]:
    """One page of somebody's lessons, and how many there are."""
    condition, statuses = FILTERS[which]
    parts = {"whose": queries.GIVEN if as_tutor else queries.TAKEN, "which": condition}
    wanted: dict[str, Any] = {"user_id": user_id, "statuses": sorted(statuses), "now": now}
    ordered = queries.LIST_SOONEST if which is ListFilter.UPCOMING else queries.LIST
    rows = await tx.all(ListedBooking, ordered.format(**parts), limit=page.limit, offset=page.offset, **wanted)
    if page.number == 1 and len(rows) < page.size:
        return rows, len(rows)
    return rows, await tx.value(queries.COUNT.format(**parts), **wanted)
