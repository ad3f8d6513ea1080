"""The way of a profile to its approval: tutors submit, administrators decide."""

from datetime import datetime

from services.profiles.actions import accounts, tutors
from services.profiles.queries import tutors as queries
from services.profiles.queries.tutors import Profile
from services.profiles.rules.approval import Status, Step, check_complete, move
from shared.auth import Principal
from shared.db import Tx
from shared.events.profiles import ProfilesAudited, TutorApproved, TutorRejected, TutorSubmitted
from shared.neighbours import Neighbour
from shared.outbox import publish


async def submit(tx: Tx, tutor_id: int, now: datetime) -> Profile:
    """Ask for approval. Raises `ProfileIncomplete`, `WrongStatus`. Asking again while it is pending changes nothing."""
    profile = await tutors.get_for_update(tx, tutor_id)
    if profile.status == Status.PENDING:
        return profile
    after = move(Status(profile.status), Step.SUBMIT)
    await _check_complete(tx, profile, now)
    profile = await _set(tx, tutor_id, after, now)
    await publish(tx, TutorSubmitted(tutor_id=profile.id, user_id=profile.user_id))
    return profile


async def approve(tx: Tx, auth: Neighbour, tutor_id: int, actor: Principal, now: datetime) -> Profile:
    """Let the tutor be found and booked. Raises `TutorNotFound`, `WrongStatus`, and `ProfileIncomplete` for what was taken out
    since it was submitted."""
    before = await _find_teaching(tx, auth, tutor_id, now)
    after = move(Status(before.status), Step.APPROVE)
    await _check_complete(tx, before, now)
    profile = await _set(tx, tutor_id, after, now, by=actor.user_id)
    await publish(
        tx,
        TutorApproved(tutor_id=profile.id, user_id=profile.user_id, by=actor.user_id),
        ProfilesAudited.of("tutor_approved", actor, "tutor", tutor_id, before=before.status, after=profile.status),
    )
    return profile


async def reject(tx: Tx, auth: Neighbour, tutor_id: int, actor: Principal, reason: str, now: datetime) -> Profile:
    """Send the profile back with a reason. Raises `TutorNotFound`, `WrongStatus`."""
    before = await _find_teaching(tx, auth, tutor_id, now)
    profile = await _set(tx, tutor_id, move(Status(before.status), Step.REJECT), now, by=actor.user_id, reason=reason)
    await publish(
        tx,
        TutorRejected(tutor_id=profile.id, user_id=profile.user_id, by=actor.user_id, reason=reason),
        ProfilesAudited.of("tutor_rejected", actor, "tutor", tutor_id, before=before.status, after=profile.status, reason=reason),
    )
    return profile


async def _find_teaching(tx: Tx, auth: Neighbour, tutor_id: int, now: datetime) -> Profile:
    """Whose account is closed, or no tutor's any more, is nobody to decide on; auth is asked before that counts. Raises
    `TutorNotFound`."""
    known = await tutors.find(tx, tutor_id)
    if not known.is_active:
        await accounts.hear(tx, auth, known.user_id, now)  # before the profile is locked: accounts come first, as everywhere
    profile = await tutors.get_for_update(tx, tutor_id)
    if not profile.is_active:
        raise tutors.TutorNotFound
    return profile


async def _check_complete(tx: Tx, profile: Profile, now: datetime) -> None:
    windows = await tutors.windows_of(tx, profile, now)
    check_complete(
        title=profile.title,
        bio=profile.bio,
        subjects=len(profile.subjects),
        hourly_rate=profile.hourly_rate,
        weekly_windows=sum(w.weekday is not None for w in windows),
    )


async def _set(tx: Tx, tutor_id: int, status: Status, now: datetime, by: int | None = None, reason: str | None = None) -> Profile:
    await tx.run(queries.SET_STATUS, tutor_id=tutor_id, status=status, now=now, by=by, reason=reason)
    return await tutors.changed(tx, tutor_id, now)
