"""A tutor's calendar, window by window, and its exceptions."""

from fastapi import APIRouter, Response

from services.profiles.actions import calendar, tutors
from services.profiles.routes.dependencies import OwnTutor
from services.profiles.views.calendar import BulkRequest, ExceptionRequest, ExceptionView, WindowRequest, WindowsView, WindowView
from shared.auth import Actor, Now
from shared.db import Transaction
from shared.idempotency import OnceOnly
from shared.types import Id

router = APIRouter(prefix="/api/tutors/availability", tags=["Tutor Availability"])


@router.get("")
async def list_windows(tutor_id: OwnTutor, tx: Transaction, now: Now) -> list[WindowView]:
    """Weekly windows, then those of single dates."""
    profile = await tutors.get(tx, tutor_id)
    return [WindowView.of(w) for w in await tutors.windows_of(tx, profile, now)]


@router.post("", status_code=201)
async def add_window(
    body: WindowRequest, tutor_id: OwnTutor, actor: Actor, tx: Transaction, now: Now, once: OnceOnly
) -> WindowView:
    """One more window, every week or (`is_recurring` false) on one `date`."""

    async def create() -> WindowView:
        return WindowView.of((await calendar.add(tx, tutor_id, [body.span()], now))[0])

    return await once(tx, actor, body, WindowView, create)


@router.post("/bulk", status_code=201)
async def add_windows(
    body: BulkRequest, tutor_id: OwnTutor, actor: Actor, tx: Transaction, now: Now, once: OnceOnly
) -> list[WindowView]:
    """Several windows: all of them, or none."""

    async def create() -> WindowsView:
        added = await calendar.add(tx, tutor_id, [slot.span() for slot in body.slots], now)
        return WindowsView([WindowView.of(w) for w in added])

    return (await once(tx, actor, body, WindowsView, create)).root


@router.get("/exceptions")
async def list_exceptions(tutor_id: OwnTutor, tx: Transaction, now: Now) -> list[ExceptionView]:
    """Days off that are not over, earliest first."""
    profile = await tutors.get(tx, tutor_id)
    return [ExceptionView.of(d) for d in await tutors.days_off_of(tx, profile, now)]


@router.post("/exceptions", status_code=201)
async def add_exception(
    body: ExceptionRequest, tutor_id: OwnTutor, actor: Actor, tx: Transaction, now: Now, once: OnceOnly
) -> ExceptionView:
    """No lessons on these days, or in this part of each of them. Lessons that are booked already stay."""

    async def create() -> ExceptionView:
        day = await calendar.take_off(tx, tutor_id, body.start_date, body.last, body.part, body.reason, now)
        return ExceptionView.of(day)

    return await once(tx, actor, body, ExceptionView, create)


@router.delete("/exceptions/{exception_id}", status_code=204)
async def delete_exception(exception_id: Id, tutor_id: OwnTutor, tx: Transaction, now: Now) -> Response:
    await calendar.work_after_all(tx, tutor_id, exception_id, now)
    return Response(status_code=204)


@router.delete("/{availability_id}", status_code=204)
async def delete_window(availability_id: Id, tutor_id: OwnTutor, tx: Transaction, now: Now) -> Response:
    """Lessons that are booked already stay."""
    await calendar.remove(tx, tutor_id, availability_id, now)
    return Response(status_code=204)
