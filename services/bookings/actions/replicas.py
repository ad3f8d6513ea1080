"""Keeping and reading what other services say of accounts and tutors."""

from typing import Any, TypeVar

from psycopg.types.json import Jsonb

from services.bookings.queries import replicas as queries
from services.bookings.queries.replicas import Tutor
from services.bookings.rules.calendar import Calendar
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, Forbidden, NotFound, Refusal
from shared.events.auth import AccountEvent
from shared.events.profiles import TutorEvent

T = TypeVar("T", bound=Tutor)


class TutorDoubted(Refusal):
    """A refusal that rests on the replica of a tutor: profiles is asked before it counts."""

    def __init__(
        self, tutor_id: int | None, user_id: int | None = None, *, account_is_inactive: bool = False, detail: str | None = None
    ) -> None:
        super().__init__(detail)
        self.tutor_id = tutor_id
        self.user_id = user_id
        self.account_is_inactive = account_is_inactive


class TutorNotFound(TutorDoubted, NotFound):
    detail = "There is no such tutor, or they do not teach at the moment."


class TutorNotAvailable(TutorDoubted, BadRequest):
    detail = "The tutor is not available at that time. Ask for the free slots and choose one."


class SubjectNotTaught(TutorDoubted, BadRequest):
    detail = "The tutor does not teach this subject."


class NoTutorProfile(TutorDoubted, NotFound):
    detail = "You have no tutor profile yet."


class StudentUnknown(NotFound):
    """Auth has not been heard of this account; the token says that it exists."""

    def __init__(self, user_id: int) -> None:
        super().__init__()
        self.user_id = user_id


class AccountInactive(Forbidden):
    """Auth has said so, but may have changed its mind since."""

    detail = "This account is not active."

    def __init__(self, user_id: int) -> None:
        super().__init__()
        self.user_id = user_id


async def put_tutor(tx: Tx, event: TutorEvent) -> bool:
    """Take in a tutor's state; whether it was news."""
    plain = event.model_dump(mode="json")
    changed = await tx.run(
        queries.PUT_TUTOR,
        **{key: Jsonb(plain.pop(key)) for key in ("subjects", "windows", "days_off")},
        **plain,
    )
    return changed > 0


async def put_account(tx: Tx, event: AccountEvent) -> bool:
    """Take in an account's state; whether it was news."""
    return await tx.run(queries.PUT_ACCOUNT, **event.model_dump()) > 0


async def assume_account(tx: Tx, user_id: int) -> None:
    """Let an account exist without a name until auth is heard; any real version replaces it."""
    await tx.run(
        queries.PUT_ACCOUNT,
        user_id=user_id,
        version=0,
        first_name="",
        last_name="",
        avatar_url=None,
        timezone="UTC",
        is_active=True,
        purged=False,
    )


async def check_student(tx: Tx, user_id: int) -> None:
    check_active(user_id, await tx.value(queries.ACCOUNT_IS_ACTIVE, user_id=user_id))


def check_active(user_id: int, is_active: bool | None) -> None:
    if is_active is None:
        raise StudentUnknown(user_id)
    if not is_active:
        raise AccountInactive(user_id)


async def is_away(tx: Tx, user_id: int) -> bool:
    """Whether this tutor is known to be none at present: the account is inactive, or has another role now."""
    away: bool = await tx.value(queries.IS_AWAY, user_id=user_id)
    return away


async def find_tutor(tx: Tx, tutor_id: int) -> Tutor:
    """A tutor who can be booked. Raises `TutorNotFound`."""
    return bookable(tutor_id, await tx.maybe(Tutor, queries.TUTOR, id=tutor_id))


async def find_shown(tx: Tx, tutor_id: int, viewer: Principal | None) -> Tutor:
    """A tutor whom this person may see: tutors see themselves and administrators everybody. Raises `TutorNotFound`."""
    tutor = await tx.maybe(Tutor, queries.TUTOR, id=tutor_id)
    if tutor is not None and viewer is not None and (viewer.is_admin or viewer.user_id == tutor.user_id):
        return tutor
    return bookable(tutor_id, tutor)


def bookable(tutor_id: int, tutor: T | None) -> T:
    if tutor is None:
        raise TutorNotFound(tutor_id)
    if not tutor.is_bookable:
        raise TutorNotFound(tutor_id, tutor.user_id, account_is_inactive=not tutor.is_active)
    return tutor


async def own_profile(tx: Tx, user_id: int) -> Tutor:
    """The profile of a signed-in tutor. Raises `NoTutorProfile`."""
    tutor = await tx.maybe(Tutor, queries.TUTOR_OF_USER, user_id=user_id)
    if tutor is None:
        raise NoTutorProfile(None, user_id)
    return tutor


def calendar_of(tutor: Tutor) -> Calendar:
    return Calendar.read(tutor.timezone, tutor.windows, tutor.days_off)


def subject_of(tutor: Tutor, subject_id: int | None) -> dict[str, Any]:
    """The lesson's subject as columns. Raises `SubjectNotTaught`."""
    if subject_id is None:
        return {"subject_id": None, "subject_name": None}
    name = next((s["name"] for s in tutor.subjects if s["id"] == subject_id), None)
    if name is None:
        raise SubjectNotTaught(tutor.id)
    return {"subject_id": subject_id, "subject_name": name}
