"""Booking and seeing lessons, and moving them on."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.bookings.actions import credits, lessons, moves
from services.bookings.actions.replicas import StudentUnknown
from services.bookings.calendars import invitation
from services.bookings.owners import Verified
from services.bookings.routes.dependencies import Settings
from services.bookings.rules.lessons import LessonStarted, OutsideNoShowWindow
from services.bookings.rules.states import NotYourMove
from services.bookings.views.lessons import (
    BookingPage,
    BookingRow,
    BookingView,
    BookRequest,
    DetailView,
    ListFilter,
    ReasonRequest,
    RescheduleRequest,
)
from shared.auth import Actor, Admin, Now, Student, Tutor, WrongRole
from shared.db import Reading, Transaction, Tx
from shared.http import answers_file, invalid_is_400, never_answers
from shared.idempotency import OnceOnly
from shared.paging import Paging
from shared.tokens import Role
from shared.types import Id, Maybe

router = APIRouter(prefix="/api/bookings", tags=["Bookings"])
deciding = APIRouter(prefix="/api/tutor/bookings", tags=["Bookings"])
NO_REASON = ReasonRequest()


@router.post("", status_code=201)
@invalid_is_400
@never_answers(StudentUnknown)  # the second time: a student of whom nobody has heard is assumed to be one
async def book(
    body: BookRequest, actor: Student, once: OnceOnly, verified: Verified, settings: Settings, now: Now
) -> BookingView:
    """Ask a tutor for a lesson. The slot is held until the tutor answers, for 24 hours at most."""

    async def create(tx: Tx) -> BookingView:
        async def book_it() -> BookingView:
            return BookingView.of(await lessons.book(tx, actor, body, now), settings)

        return await once(tx, actor, body, BookingView, book_it)

    return await verified.transaction(create)


@router.get("")
async def list_bookings(
    actor: Actor,
    tx: Reading,
    paging: Paging,
    now: Now,
    status: Annotated[Maybe[ListFilter], Query()] = None,
    role: Annotated[Literal["student", "tutor"], Query()] = "student",
) -> BookingPage:
    """The lessons one takes, or (`role=tutor`) gives."""
    if role == "tutor" and actor.role is not Role.TUTOR:
        raise WrongRole("Only a tutor has lessons to give.")
    rows, total = await lessons.page_of(tx, actor.user_id, role == "tutor", status, paging, now)
    return BookingPage(
        bookings=[BookingRow.of(row) for row in rows],
        total=total,
        page=paging.number,
        page_size=paging.size,
        total_pages=paging.pages(total),
    )


@router.get("/{booking_id}")
async def get_booking(booking_id: Id, actor: Actor, tx: Reading, settings: Settings) -> DetailView:
    """A lesson with all that its two parties may know."""
    booking = await lessons.find(tx, actor, booking_id)
    purchase = await credits.purchase_of(tx, booking) if booking.purchase_id is not None else None
    return DetailView.whole(booking, purchase, await lessons.history(tx, booking.id), settings)


@router.get("/{booking_id}/calendar.ics", response_class=Response, responses=answers_file("text/calendar"))
async def get_calendar(booking_id: Id, actor: Actor, tx: Reading, settings: Settings) -> Response:
    """The lesson as an iCalendar file."""
    booking = await lessons.find(tx, actor, booking_id)
    headers = {"Content-Disposition": f'attachment; filename="lesson-{booking.id}.ics"'}
    return Response(invitation(booking, settings), media_type="text/calendar", headers=headers)


@router.post("/{booking_id}/cancel")
@never_answers(OutsideNoShowWindow)
async def cancel(
    booking_id: Id, actor: Actor, tx: Transaction, settings: Settings, now: Now, body: ReasonRequest = NO_REASON
) -> BookingView:
    """Cancel a lesson that has not started. `refund_amount` says what the student gets back."""
    return BookingView.of(await moves.cancel(tx, actor, booking_id, body.reason, now), settings)


@router.post("/{booking_id}/reschedule")
async def reschedule(
    booking_id: Id, body: RescheduleRequest, actor: Actor, verified: Verified, settings: Settings, now: Now
) -> BookingView:
    """Move a lesson to another time. What the student moved, the tutor has to confirm."""
    booking = await verified.transaction(lambda tx: moves.reschedule(tx, actor, booking_id, body, now))
    return BookingView.of(booking, settings)


@deciding.post("/{booking_id}/confirm")
@never_answers(LessonStarted, NotYourMove, OutsideNoShowWindow)
async def confirm(booking_id: Id, actor: Tutor, tx: Transaction, settings: Settings, now: Now) -> BookingView:
    """Agree to a lesson."""
    return BookingView.of(await moves.confirm(tx, actor, booking_id, now), settings)


@deciding.post("/{booking_id}/decline")
@never_answers(LessonStarted, NotYourMove, OutsideNoShowWindow)
async def decline(
    booking_id: Id, actor: Tutor, tx: Transaction, settings: Settings, now: Now, body: ReasonRequest = NO_REASON
) -> BookingView:
    """Refuse a lesson; the student gets everything back."""
    return BookingView.of(await moves.decline(tx, actor, booking_id, body.reason, now), settings)


@deciding.post("/{booking_id}/mark-no-show-student")
@never_answers(LessonStarted, NotYourMove)
async def mark_no_show_student(booking_id: Id, actor: Tutor, tx: Transaction, settings: Settings, now: Now) -> BookingView:
    """The student did not come: the lesson is charged."""
    return BookingView.of(await moves.mark_student_missing(tx, actor, booking_id, now), settings)


@deciding.post("/{booking_id}/mark-no-show-tutor")
@never_answers(LessonStarted, NotYourMove)
async def mark_no_show_tutor(
    booking_id: Id, actor: Admin, tx: Transaction, settings: Settings, now: Now, body: ReasonRequest = NO_REASON
) -> BookingView:
    """The tutor did not come: the student gets everything back."""
    return BookingView.of(await moves.mark_tutor_missing(tx, actor, booking_id, body.reason, now), settings)
