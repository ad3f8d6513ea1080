"""Moving a lesson on: confirm, decline, cancel, reschedule, no-shows, and what time does by itself."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from services.bookings.actions import credits, money, replicas
from services.bookings.actions.events import booking_state
from services.bookings.actions.lessons import BookingNotFound, queue, taking_time
from services.bookings.queries import lessons as queries
from services.bookings.queries.lessons import Booking
from services.bookings.rules import lessons as rules
from services.bookings.rules.lessons import Verdict
from services.bookings.rules.states import LIVE, By, Move
from services.bookings.views.lessons import RescheduleRequest
from shared.auth import Principal
from shared.db import Tx
from shared.errors import Unavailable
from shared.events.bookings import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingExpired,
    BookingNoShow,
    BookingRescheduled,
    BookingsAudited,
)
from shared.outbox import publish

EVENTS = {
    Move.CONFIRM: BookingConfirmed,
    Move.DECLINE: BookingDeclined,
    Move.CANCEL: BookingCancelled,
    Move.EXPIRE: BookingExpired,
    Move.COMPLETE: BookingCompleted,
    Move.MISS_STUDENT: BookingNoShow,
    Move.MISS_TUTOR: BookingNoShow,
}


async def confirm(tx: Tx, actor: Principal, booking_id: int, now: datetime) -> Booking:
    return await _decide_as_tutor(tx, actor, booking_id, Move.CONFIRM, None, now)


async def decline(tx: Tx, actor: Principal, booking_id: int, reason: str | None, now: datetime) -> Booking:
    return await _decide_as_tutor(tx, actor, booking_id, Move.DECLINE, reason, now)


async def mark_student_missing(tx: Tx, actor: Principal, booking_id: int, now: datetime) -> Booking:
    return await _decide_as_tutor(tx, actor, booking_id, Move.MISS_STUDENT, None, now)


async def mark_tutor_missing(tx: Tx, actor: Principal, booking_id: int, reason: str | None, now: datetime) -> Booking:
    """For administrators: the student gets everything back."""
    before = await _lock(tx, booking_id)
    booking = await carry_out(tx, before, Move.MISS_TUTOR, By.ADMIN, now, reason, actor.user_id)
    await publish(
        tx,
        BookingsAudited.of(
            "booking_marked_no_show_tutor", actor, "booking", booking.id, before=str(before.status), after=str(booking.status)
        ),
    )
    return booking


async def cancel(tx: Tx, actor: Principal, booking_id: int, reason: str | None, now: datetime) -> Booking:
    booking = await _lock_own(tx, actor, booking_id)
    by = rules.role_of(actor.user_id, booking.student_id, booking.tutor_user_id)
    if await replicas.is_away(tx, booking.tutor_user_id):
        booking = replace(booking, free_cancellation=True)
    return await carry_out(tx, booking, Move.CANCEL, by, now, reason, actor.user_id)


async def cancel_all_of(tx: Tx, user_id: int, now: datetime) -> None:
    """End the lessons that a deleted account was still to attend, on either side, with everything paid back. All are locked
    before the first is touched, in the order in which everybody locks."""
    parties = await tx.rows(queries.PARTIES_OF, user_id=user_id, now=now)
    tutors, students = ({row[side] for row in parties if row[side]} for side in ("tutor_id", "student_id"))
    await queue(tx, tutors, students)
    # Whoever was booking meanwhile has booked by now, or will find the account gone.
    if any(row not in parties for row in await tx.rows(queries.PARTIES_OF, user_id=user_id, now=now)):
        raise Unavailable
    for booking in await tx.all(Booking, queries.LIVE_OF_LOCKED, user_id=user_id, now=now):
        if rules.status_at(booking, now) in LIVE:
            await carry_out(tx, booking, Move.CANCEL, By.SYSTEM, now, "The account was deleted.")


async def reschedule(tx: Tx, actor: Principal, booking_id: int, request: RescheduleRequest, now: datetime) -> Booking:
    """Move a lesson to another free time of the tutor's calendar; the old time is free when this commits."""
    before = await _lock_own(tx, actor, booking_id)
    by = rules.role_of(actor.user_id, before.student_id, before.tutor_user_id)
    verdict = rules.rescheduled(before, request.new_start_time, by, now)
    tutor = await replicas.find_tutor(tx, before.tutor_id)
    if not replicas.calendar_of(tutor).is_open(verdict.lesson.start_at, verdict.lesson.end_at):
        raise replicas.TutorNotAvailable(tutor.id)
    with taking_time():
        booking = await _write(tx, before, verdict, Move.RESCHEDULE, by, now, request.reason, actor.user_id)
    await publish(tx, BookingRescheduled(previous_start_at=before.start_at, **booking_state(booking)))
    return booking


async def carry_out(
    tx: Tx, booking: Booking, move: Move, by: By, now: datetime, reason: str | None = None, actor_id: int | None = None
) -> Booking:
    """Make a move of a lesson whose row is locked, with all that follows from it: money, credits, events."""
    verdict = rules.moved(booking, move, by, now)
    after = await _write(tx, booking, verdict, move, by, now, reason, actor_id)
    # At the moment that the history has: when the tutor answered is the same for whoever heard it then and whoever asks later.
    await publish(tx, EVENTS[move](occurred_at=now, **booking_state(after)))
    return after


async def _decide_as_tutor(tx: Tx, actor: Principal, booking_id: int, move: Move, reason: str | None, now: datetime) -> Booking:
    booking = await _lock(tx, booking_id)
    if booking.tutor_user_id != actor.user_id:
        raise BookingNotFound
    return await carry_out(tx, booking, move, By.TUTOR, now, reason, actor.user_id)


async def _write(
    tx: Tx, booking: Booking, verdict: Verdict, move: Move, by: By, now: datetime, reason: str | None, actor_id: int | None
) -> Booking:
    lesson = verdict.lesson
    refund = booking.price - booking.refunded if verdict.paid_back else Decimal(0)
    after = await tx.one(
        Booking,
        queries.MOVE,
        id=booking.id,
        status=lesson.status,
        start_at=lesson.start_at,
        end_at=lesson.end_at,
        respond_by=lesson.respond_by,
        remind_at=lesson.remind_at,
        times_moved=lesson.times_moved,
        free_cancellation=lesson.free_cancellation,
        moved_from=lesson.moved_from,
        credit_returned=verdict.paid_back and booking.purchase_id is not None,
        refund=refund,
        by=by,
        reason=reason,
        move=move,
        actor_id=actor_id,
        now=now,
    )
    await money.note(tx, after, -refund, now)
    if verdict.paid_back and booking.purchase_id is not None:
        await credits.give_back(tx, booking, now)
    return after


async def _lock_own(tx: Tx, actor: Principal, booking_id: int) -> Booking:
    booking = await _lock(tx, booking_id)
    if not (actor.is_admin or actor.user_id in (booking.student_id, booking.tutor_user_id)):
        raise BookingNotFound
    return booking


async def _lock(tx: Tx, booking_id: int) -> Booking:
    """The lesson, to be changed by nobody else until the transaction ends."""
    parties = await tx.rows(queries.PARTIES, id=booking_id)
    if not parties:
        raise BookingNotFound
    await queue(tx, {parties[0]["tutor_id"]}, {parties[0]["student_id"]})
    return await tx.one(Booking, queries.BY_ID_LOCKED, id=booking_id)
