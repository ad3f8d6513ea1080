"""Tutor profiles: reading, editing, telling everybody."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from services.profiles import reference
from services.profiles.actions import catalogue
from services.profiles.queries import calendar, tutors
from services.profiles.queries.calendar import DayOff, Window
from services.profiles.queries.tutors import Profile
from services.profiles.rules.calendar import oldest_day, time_of
from shared.db import Tx
from shared.errors import Invalid, NotFound
from shared.events import profiles as events
from shared.events.profiles import SubjectRef, TutorChanged, TutorSnapshot
from shared.outbox import publish


class TutorNotFound(NotFound):
    detail = "There is no such tutor."


class SubjectUnknown(Invalid):
    code = "subject_unknown"
    detail = "One of the subjects does not exist (any more). Choose from the list of subjects."


class RateNotPayable(Invalid):
    pass


async def get(tx: Tx, tutor_id: int) -> Profile:
    """A profile that is there: profiles are never deleted."""
    return await tx.one(Profile, tutors.BY_ID, tutor_id=tutor_id, viewer=None)


async def get_for_update(tx: Tx, tutor_id: int) -> Profile:
    """The same, and nobody else changes it until the transaction ends."""
    await tx.value(tutors.LOCK, tutor_id=tutor_id)
    return await get(tx, tutor_id)


async def find(tx: Tx, tutor_id: int, viewer: int | None = None) -> Profile:
    """The profile that somebody names, in whatever state. Raises `TutorNotFound`."""
    profile = await tx.maybe(Profile, tutors.BY_ID, tutor_id=tutor_id, viewer=viewer)
    if profile is None:
        raise TutorNotFound
    return profile


async def find_shown(tx: Tx, tutor_id: int, viewer: int | None = None) -> Profile:
    """The profile, if the public may see it. Raises `TutorNotFound`."""
    profile = await find(tx, tutor_id, viewer)
    if not profile.is_shown:
        raise TutorNotFound
    return profile


async def edit(tx: Tx, tutor_id: int, now: datetime, **changes: Any) -> Profile:
    """Change columns of the profile (names as in `Profile`)."""
    profile = await get_for_update(tx, tutor_id)
    if not changes:
        return profile
    values = {field.name: getattr(profile, field.name) for field in dataclasses.fields(profile)} | changes
    values |= {name: Jsonb(values[name]) for name in ("certifications", "education", "subjects")}
    await tx.run(tutors.SAVE, **values)
    return await changed(tx, tutor_id, now)


async def price(tx: Tx, tutor_id: int, now: datetime, **changes: Any) -> Profile:
    """Change rate, currency or both. Raises `RateNotPayable` where the two do not go together."""
    profile = await edit(tx, tutor_id, now, **changes)
    rate = profile.hourly_rate
    if rate is not None and rate % 1 and not reference.has_cents(profile.currency):
        raise RateNotPayable(f"hourly_rate: {profile.currency} has no cents, send a whole amount.")
    return profile


async def choose_subjects(tx: Tx, tutor_id: int, subject_ids: list[int], now: datetime) -> Profile:
    """Teach these subjects and no others. Raises `SubjectUnknown`, also when one is deleted meanwhile."""
    await tx.value(tutors.LOCK, tutor_id=tutor_id)
    await tx.run(tutors.DROP_SUBJECTS, tutor_id=tutor_id, subject_ids=subject_ids)
    try:
        await tx.run(tutors.ADD_SUBJECTS, tutor_id=tutor_id, subject_ids=subject_ids)
    except psycopg.errors.ForeignKeyViolation as error:
        raise SubjectUnknown from error
    return await changed(tx, tutor_id, now)


async def replace_photo(tx: Tx, tutor_id: int, name: str | None, now: datetime) -> Profile:
    """Show another stored picture, or none; the file of the old one is to be deleted."""
    profile = await get_for_update(tx, tutor_id)
    await tx.run(tutors.KEEP_PHOTO, name=name)
    if profile.photo_name:
        await tx.run(tutors.DROP_PHOTO, name=profile.photo_name)
    return await edit(tx, tutor_id, now, photo_name=name)


async def changed(tx: Tx, tutor_id: int, now: datetime) -> Profile:
    """Say the new state to everybody, and enter it into (or take it out of) the catalogue."""
    await tx.run(tutors.BUMP, tutor_id=tutor_id)  # takes the row's lock: what is read next is the newest
    profile = await get(tx, tutor_id)
    await publish(tx, TutorChanged(**await state(tx, profile, now)))
    await catalogue.enter(tx, profile)
    return profile


async def say_again(tx: Tx, tutor_id: int, now: datetime) -> None:
    """Say the state as it is, and enter it into the catalogue anew."""
    await tx.value(tutors.LOCK, tutor_id=tutor_id)
    profile = await find(tx, tutor_id)
    await publish(tx, TutorSnapshot(**await state(tx, profile, now)))
    await catalogue.enter(tx, profile)


async def windows_of(tx: Tx, profile: Profile, now: datetime) -> list[Window]:
    return (await windows_of_all(tx, [profile], now))[profile.id]


async def windows_of_all(tx: Tx, profiles: Sequence[Profile], now: datetime) -> dict[int, list[Window]]:
    """Profile id → its windows, weekly ones first, without what is over."""
    found: dict[int, list[Window]] = {profile.id: [] for profile in profiles}
    for window in await tx.all(Window, calendar.WINDOWS, tutor_ids=list(found), since=oldest_day(now)):
        found[window.tutor_id].append(window)
    return found


async def days_off_of(tx: Tx, profile: Profile, now: datetime) -> list[DayOff]:
    return await tx.all(DayOff, calendar.DAYS_OFF, tutor_id=profile.id, since=oldest_day(now))


async def state(tx: Tx, profile: Profile, now: datetime) -> dict[str, Any]:
    """The fields of every event about a tutor."""
    return {
        "tutor_id": profile.id,
        "user_id": profile.user_id,
        "version": profile.version,
        "status": profile.status,
        "is_active": profile.is_active,
        "name": profile.name,
        "title": profile.title,
        "hourly_rate": profile.hourly_rate,
        "currency": profile.currency,
        "timezone": profile.timezone,
        "subjects": [SubjectRef(id=s["id"], name=s["name"]) for s in profile.subjects],
        "windows": [_window(w) for w in await windows_of(tx, profile, now)],
        "days_off": [_day_off(d) for d in await days_off_of(tx, profile, now)],
    }


def _window(window: Window) -> events.Window:
    start, end = time_of(window.start_minute), time_of(window.end_minute)
    return events.Window(weekday=window.weekday, on=window.on_date, start=start, end=end)


def _day_off(day: DayOff) -> events.DayOff:
    if day.start_minute is None or day.end_minute is None:
        return events.DayOff(first=day.first_date, last=day.last_date)
    start, end = time_of(day.start_minute), time_of(day.end_minute)
    return events.DayOff(first=day.first_date, last=day.last_date, start=start, end=end)
