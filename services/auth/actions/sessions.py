"""Sessions: started by a password, prolonged by refresh tokens that are good once, ended one by one or all together."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.auth import queries, rules, secrets
from services.auth.actions.audit import by_stranger
from services.auth.keyring import LONGEST_TOKEN
from services.auth.queries import Credentials, RefreshToken, SignedIn
from shared.auth import Origin
from shared.db import Tx
from shared.events.auth import SessionsRevoked
from shared.outbox import publish

SURPLUS = 500  # sessions ended in one transaction


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives without being refreshed, and at all."""

    idle: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """What tokens are made of."""

    id: UUID
    user: SignedIn
    refresh_token: str


async def start(tx: Tx, who: Credentials, origin: Origin, now: datetime, lifetime: Lifetime) -> Session:
    """A new session of an account whose password was right. Its row must be locked. Of a hundred others the one that was not
    used for longest ends."""
    await end_surplus(tx, who.id, rules.LIVE_SESSIONS - 1, now)
    session_id, token = uuid.uuid4(), secrets.fresh()
    await tx.run(
        queries.START,
        id=session_id,
        account_id=who.id,
        network=rules.network(origin.ip_address),
        user_agent=origin.user_agent,
        now=now,
        expires_at=now + min(lifetime.idle, lifetime.longest),
        digest=secrets.digest(token),
    )
    return Session(session_id, SignedIn(who.id, who.email, who.role, who.token_version), token)


async def refresh(tx: Tx, token: str, origin: Origin, now: datetime, lifetime: Lifetime) -> Session | None:
    """The session with its next refresh token; None if the token is good for nothing. One that was spent before is in two
    hands, so its session ends: that must be committed, which is why nothing is raised."""
    digest = secrets.digest(token)
    spent = await tx.maybe(RefreshToken, queries.SPEND, digest=digest, now=now)
    if spent is None:
        stolen = await tx.maybe(RefreshToken, queries.SPENT, digest=digest)
        if stolen is not None and await end(tx, stolen.account_id, stolen.session_id, now):
            await publish(tx, by_stranger("refresh_token_reused", stolen.account_id, origin))
        return None
    ends = {"expires_at": now + lifetime.idle, "longest": lifetime.longest}
    user = await tx.maybe(SignedIn, queries.PROLONG, session_id=spent.session_id, now=now, **ends)
    if user is None:
        return None
    next_token = secrets.fresh()
    await tx.run(queries.ADD_TOKEN, digest=secrets.digest(next_token), session_id=spent.session_id, now=now)
    return Session(spent.session_id, user, next_token)


async def end(tx: Tx, account_id: int, session_id: UUID, now: datetime) -> bool:
    """End one session, its access tokens with it; whether it had not ended before."""
    if not await tx.run(queries.END_SESSION, session_id=session_id, now=now):
        return False
    await _revoke(tx, _revoked(account_id, session_id, now))
    return True


async def end_by_id(tx: Tx, account_id: int, session_id: str, now: datetime) -> None:
    """End the session that an access token names."""
    with suppress(ValueError):
        await end(tx, account_id, UUID(session_id), now)


async def end_by_refresh_token(tx: Tx, token: str, now: datetime) -> None:
    found = await tx.maybe(RefreshToken, queries.SPENT, digest=secrets.digest(token))
    if found is not None:
        await end(tx, found.account_id, found.session_id, now)


async def end_all(tx: Tx, account_id: int, now: datetime) -> None:
    """End every session of an account, all access tokens with them."""
    await tx.run(queries.END_SESSIONS, account_id=account_id, now=now)
    await revoke_tokens(tx, account_id, now)


async def end_surplus(tx: Tx, account_id: int, most: int, now: datetime) -> int:
    """End sessions beyond the `most` that were used last, a batch of them; how many. One that somebody else is changing at this
    moment is left for the next time: nobody waits for it, so no two can wait for each other."""
    limits = {"most": most, "batch": SURPLUS, "longest_token": LONGEST_TOKEN}
    ended = await tx.rows(queries.END_SURPLUS, account_id=account_id, now=now, **limits)
    for session in ended:
        if session["has_token"]:
            await _revoke(tx, _revoked(account_id, session["id"], now))
    return len(ended)


async def revoke_tokens(tx: Tx, account_id: int, now: datetime) -> None:
    """Access tokens given out so far die; sessions live on and get new ones by refreshing."""
    version = await tx.value(queries.RAISE_TOKEN_VERSION, account_id=account_id)
    await _revoke(tx, SessionsRevoked(user_id=account_id, below_version=version, until=now + LONGEST_TOKEN))


def _revoked(account_id: int, session_id: UUID, now: datetime) -> SessionsRevoked:
    return SessionsRevoked(user_id=account_id, session_id=str(session_id), until=now + LONGEST_TOKEN)


async def _revoke(tx: Tx, event: SessionsRevoked) -> None:
    await tx.run(
        queries.REVOKE,
        event_id=event.event_id,
        account_id=event.user_id,
        below_version=event.below_version,
        session_id=event.session_id,
        until=event.until,
    )
    await publish(tx, event)
