"""Small copies of what others own, people's names and bookings' parties; the owner is asked before anybody is refused."""

from contextlib import suppress
from dataclasses import dataclass

from services.messaging import queries
from services.messaging.queries import Person
from shared import idempotency
from shared.db import Tx
from shared.errors import Unavailable
from shared.events.auth import AccountEvent, UserSnapshot
from shared.events.bookings import BookingEvent, BookingSnapshot
from shared.neighbours import Neighbour, Unreachable

GONE = "Deleted user"


@dataclass(frozen=True)
class Owners:
    """The services that know what the replicas may not know yet."""

    auth: Neighbour
    bookings: Neighbour


async def remember_person(tx: Tx, event: AccountEvent) -> None:
    """Keep the newest state of an account; of a purged one nothing personal, not in remembered answers either."""
    if event.purged:
        await idempotency.forget_of(tx, event.user_id)
    await tx.run(
        queries.REMEMBER_PERSON,
        id=event.user_id,
        version=event.version,
        name=GONE if event.purged else f"{event.first_name} {event.last_name}",
        email="" if event.purged else event.email,
        avatar_url=event.avatar_url,
        is_active=event.is_active and not event.purged,
    )


async def remember_booking(tx: Tx, event: BookingEvent) -> None:
    await tx.run(
        queries.REMEMBER_BOOKING,
        id=event.booking_id,
        version=event.version,
        student_id=event.student_id,
        tutor_user_id=event.tutor_user_id,
    )


async def correspondents(tx: Tx, owners: Owners, sender_id: int, recipient_id: int) -> tuple[Person, Person | None]:
    """Who writes, and who is written to if there is such an account. Until commit, neither can block the other. Raises
    `Unavailable`."""
    rows = await tx.rows(queries.CORRESPONDENTS, one=sender_id, other=recipient_id)
    known = {row["id"]: Person(**row) for row in rows}
    recipient = await _active_person(tx, owners, recipient_id, known.get(recipient_id))
    return await _person_behind_token(tx, owners, sender_id, known.get(sender_id)), recipient


async def _active_person(tx: Tx, owners: Owners, user_id: int, person: Person | None) -> Person | None:
    if person is None or not person.is_active:
        try:
            person = await _ask_for_person(tx, owners, user_id)
        except Unreachable:
            return None
    return person if person and person.is_active else None


async def known_person(tx: Tx, owners: Owners, user_id: int) -> Person | None:
    """Anybody who has or had an account."""
    person = await _person(tx, user_id)
    if person is None:
        with suppress(Unreachable):
            return await _ask_for_person(tx, owners, user_id)
    return person


async def _person_behind_token(tx: Tx, owners: Owners, user_id: int, person: Person | None) -> Person:
    """The account of a valid token exists, so not knowing it can only be lag."""
    if person is None:
        try:
            person = await _ask_for_person(tx, owners, user_id)
        except Unreachable as error:
            raise Unavailable from error
    if person is None:
        raise Unavailable
    return person


async def is_booking_of(tx: Tx, owners: Owners, booking_id: int, one: int, other: int) -> bool:
    """Whether these two are the parties of the booking."""
    known: bool = await tx.value(queries.IS_BOOKING_OF, id=booking_id, one=one, other=other)
    if known:
        return True
    try:
        snapshot = await owners.bookings.get(BookingSnapshot, f"/internal/bookings/{booking_id}")
    except Unreachable:
        return False
    if snapshot is None:
        return False
    await remember_booking(tx, snapshot)
    return {snapshot.student_id, snapshot.tutor_user_id} == {one, other}


async def _person(tx: Tx, user_id: int) -> Person | None:
    return await tx.maybe(Person, queries.PERSON, id=user_id)


async def _ask_for_person(tx: Tx, owners: Owners, user_id: int) -> Person | None:
    snapshot = await owners.auth.get(UserSnapshot, f"/internal/users/{user_id}")
    if snapshot is None:
        return None
    await remember_person(tx, snapshot)
    return await _person(tx, user_id)
