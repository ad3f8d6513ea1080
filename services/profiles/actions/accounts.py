"""Accounts as auth tells of them: profiles come with them, and go into hiding with them."""

from contextlib import suppress
from datetime import datetime

from pydantic import BaseModel

from services.profiles.actions import tutors
from services.profiles.queries import accounts, students
from services.profiles.queries import tutors as tutor_queries
from services.profiles.queries.accounts import Person
from shared import idempotency
from shared.auth import Principal
from shared.db import Tx
from shared.errors import NotFound, Unavailable
from shared.events.auth import AccountEvent, UserSnapshot
from shared.neighbours import Neighbour, Unreachable


class NoProfileYet(NotFound):
    detail = "There is no such profile."


async def keep(tx: Tx, event: AccountEvent, now: datetime) -> None:
    """Take over an account's state, and make or change the profile that belongs to it. Older states are ignored."""
    fields = event.model_dump(
        include={"user_id", "version", "role", "first_name", "last_name", "avatar_url", "timezone", "currency"}
    )
    is_active = event.is_active and event.deleted_at is None and not event.purged
    if not await tx.run(accounts.KEEP, **fields, is_active=is_active, purged=event.purged):
        return
    person = await tx.one(Person, accounts.PERSON, user_id=event.user_id)
    tutor_id = person.tutor_id
    if tutor_id is None and person.role == "tutor" and not person.purged:
        tutor_id = await tx.value(accounts.CREATE_TUTOR, user_id=person.user_id)
    if person.role == "student" and not person.purged:
        await tx.run(accounts.CREATE_STUDENT, user_id=person.user_id)
    if person.purged:
        await _anonymise(tx, person)
    if tutor_id is not None:
        await tutors.changed(tx, tutor_id, now)


async def own_tutor_id(tx: Tx, auth: Neighbour, actor: Principal, now: datetime) -> int:
    """The profile of a tutor, made now if the event that makes it has not arrived. Raises `NoProfileYet`, `Unavailable`."""
    find = tutor_queries.ID_OF_USER
    found = await tx.value(find, user_id=actor.user_id)
    if found is None:
        await _ask(tx, auth, actor.user_id, now)
        found = await tx.value(find, user_id=actor.user_id)
    if found is None:
        raise NoProfileYet
    return int(found)


async def own_student(tx: Tx, auth: Neighbour, actor: Principal, now: datetime) -> students.Student:
    """The profile of a student, made now if the event that makes it has not arrived. Raises `NoProfileYet`, `Unavailable`."""
    found = await tx.maybe(students.Student, students.BY_USER, user_id=actor.user_id)
    if found is None:
        await _ask(tx, auth, actor.user_id, now)
        found = await tx.maybe(students.Student, students.BY_USER, user_id=actor.user_id)
    if found is None:
        raise NoProfileYet
    return found


async def hear(tx: Tx, auth: Neighbour, user_id: int, now: datetime) -> None:
    """Take over what auth says of an account now. Where it cannot be asked, what is known stays."""
    with suppress(Unavailable):
        await _ask(tx, auth, user_id, now)


class ZoneRequest(BaseModel):
    timezone: str


async def move_to_zone(tx: Tx, auth: Neighbour, user_id: int, timezone: str, now: datetime) -> None:
    """The zone is the account's: auth changes it, what it answers is known here at once. Raises `NoProfileYet`, `Unavailable`."""
    try:
        snapshot = await auth.put(UserSnapshot, f"/internal/users/{user_id}/timezone", ZoneRequest(timezone=timezone))
    except Unreachable as error:
        raise Unavailable("The time zone cannot be changed at the moment. Try again.") from error
    if snapshot is None:
        raise NoProfileYet
    await keep(tx, snapshot, now)


async def _ask(tx: Tx, auth: Neighbour, user_id: int, now: datetime) -> None:
    try:
        snapshot = await auth.get(UserSnapshot, f"/internal/users/{user_id}")
    except Unreachable as error:
        raise Unavailable("Your profile is being prepared. Try again in a moment.") from error
    if snapshot is not None:
        await keep(tx, snapshot, now)


async def _anonymise(tx: Tx, person: Person) -> None:
    """Nothing that the person wrote or chose stays, or is said once more: the new state is the caller's to say."""
    await tx.run(accounts.FORGET_STUDENT, user_id=person.user_id)
    await tx.run(accounts.FORGET_FAVOURITES, user_id=person.user_id)
    await idempotency.forget_of(tx, person.user_id)
    if person.tutor_id is not None:
        await tx.value(tutor_queries.LOCK, tutor_id=person.tutor_id)
        for forget in accounts.OF_TUTOR:
            await tx.run(forget, tutor_id=person.tutor_id)
