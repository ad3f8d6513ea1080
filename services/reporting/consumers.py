"""What the reporting service hears: states into read models, acts into the audit log, happenings into the feed."""

from typing import Any

from psycopg.types.json import Jsonb

from services.reporting import queries
from shared.db import Tx
from shared.events import bookings as b
from shared.events import catalogue
from shared.events.auth import ACCOUNT_EVENTS, AccountEvent, UserRegistered
from shared.events.base import AuditRecorded, Event
from shared.events.profiles import TUTOR_EVENTS, SubjectChanged, TutorApproved, TutorEvent, TutorRejected, TutorSubmitted
from shared.inbox import Subscriptions

subscriptions = Subscriptions("reporting")
AUDITED = tuple(kind for kind in catalogue.load().values() if issubclass(kind, AuditRecorded))


@subscriptions.on(*AUDITED)
async def record_act(tx: Tx, event: AuditRecorded) -> None:
    fields = event.model_dump() | {"details": Jsonb(event.model_dump(mode="json")["details"])}
    service = event.type.split(".", 1)[0]
    if event.target_type == "tutor":  # an act, and the news of whose profile it is, must see each other
        await tx.run(queries.OF_TUTOR, tutor_id=event.target_id)
    people = await tx.rows(queries.AUDIT_PEOPLE, people=[event.actor_id, await _person(tx, event)])
    await tx.run(queries.AUDIT, **fields, event_id=event.event_id, occurred_at=event.occurred_at, service=service)
    await _forget_purged(tx, people)


@subscriptions.on(*ACCOUNT_EVENTS)
async def keep_user(tx: Tx, event: AccountEvent) -> None:
    newer = await tx.run(queries.USER, **event.model_dump())
    if newer and event.purged:
        await tx.run(queries.AUDIT_FORGET, user_id=event.user_id)


@subscriptions.on(*TUTOR_EVENTS)
async def keep_tutor(tx: Tx, event: TutorEvent) -> None:
    """Acts on a tutor, and the purge, may have come before it was known whose profile it is."""
    state = event.model_dump(include={"tutor_id", "version", "user_id", "status", "is_active"})
    await tx.run(queries.OF_TUTOR, tutor_id=event.tutor_id)
    if await tx.run(queries.TUTOR, **state):
        await _forget_purged(tx, await tx.rows(queries.AUDIT_PEOPLE, people=[event.user_id]))


@subscriptions.on(SubjectChanged)
async def keep_subject(tx: Tx, event: SubjectChanged) -> None:
    await tx.run(queries.SUBJECT, **event.model_dump())


@subscriptions.on(*b.BOOKING_EVENTS)
async def keep_booking(tx: Tx, event: b.BookingEvent) -> None:
    await tx.run(queries.BOOKING, **event.model_dump())


@subscriptions.on(b.PackagePurchased, b.PurchaseChanged)
async def keep_purchase(tx: Tx, event: b.PackagePurchased | b.PurchaseChanged) -> None:
    await tx.run(queries.PURCHASE, **event.model_dump())


@subscriptions.on(UserRegistered)
async def tell_of_user(tx: Tx, event: UserRegistered) -> None:
    await _tell(tx, event, "user_registered", event.user_id, None, "user", event.user_id)


@subscriptions.on(TutorSubmitted, TutorApproved, TutorRejected)
async def tell_of_tutor(tx: Tx, event: TutorSubmitted | TutorApproved | TutorRejected) -> None:
    await _tell(tx, event, _kind(event), event.user_id, None, "tutor", event.tutor_id)


@subscriptions.on(*(kind for kind in b.BOOKING_EVENTS if kind is not b.BookingSnapshot))
async def tell_of_booking(tx: Tx, event: b.BookingEvent) -> None:
    await _tell(tx, event, _kind(event), event.student_id, event.tutor_user_id, "booking", event.booking_id)


@subscriptions.on(b.PackagePurchased)
async def tell_of_purchase(tx: Tx, event: b.PackagePurchased) -> None:
    await _tell(tx, event, _kind(event), event.student_id, event.tutor_user_id, "purchase", event.purchase_id)


@subscriptions.on(b.ReviewReceived)
async def tell_of_review(tx: Tx, event: b.ReviewReceived) -> None:
    if not (event.edited or event.responded):
        await _tell(tx, event, _kind(event), event.student_id, event.tutor_user_id, "review", event.review_id)


async def _forget_purged(tx: Tx, people: list[dict[str, Any]]) -> None:
    for person in people:
        if person["purged"]:
            await tx.run(queries.AUDIT_FORGET, user_id=person["user_id"])


async def _person(tx: Tx, event: AuditRecorded) -> int | None:
    """The account that was acted on, if it was one, or a tutor's."""
    if event.target_type == "tutor":
        owner: int | None = await tx.value(queries.TUTOR_OWNER, tutor_id=event.target_id)
        return owner
    return event.target_id if event.target_type == "user" else None


async def _tell(tx: Tx, event: Event, kind: str, user_id: int, other: int | None, target_type: str, target_id: int) -> None:
    fields: dict[str, Any] = {"kind": kind, "user_id": user_id, "other_user_id": other}
    fields |= {"target_type": target_type, "target_id": target_id}
    await tx.run(queries.ACTIVITY, event_id=event.event_id, occurred_at=event.occurred_at, **fields)


def _kind(event: Event) -> str:
    """`bookings.booking.confirmed.v1` → `booking_confirmed`."""
    _service, thing, past, _version = event.type.split(".")
    return f"{thing}_{past}"
