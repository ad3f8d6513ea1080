"""Proving who one is by password: wrong ones are counted, and after too many the right one is not looked at either."""

from dataclasses import dataclass
from datetime import datetime

from services.auth import queries, rules
from services.auth.actions.audit import by_stranger
from services.auth.fields import normal_email
from services.auth.passwords import Passwords
from services.auth.queries import Credentials
from services.auth.rules import FAILURES_OF_ACCOUNT, FAILURES_OF_PAIR, KNOWN_FOR, WINDOW, Attempts
from shared.auth import Origin
from shared.db import Database, Tx
from shared.outbox import publish


@dataclass(frozen=True, slots=True)
class Proof:
    """A password that was compared, outside of any transaction, because that takes its time."""

    found: Credentials | None
    is_right: bool
    renewed_hash: str | None
    subject: bytes
    origin: Origin


async def weigh(database: Database, hashing: Passwords, who: str | int, password: str, origin: Origin, now: datetime) -> Proof:
    """Compare the password of an account (by e-mail address or id). Unknown ones take the same way and the same time. Raises
    `TooManyFailures` without comparing."""
    email = _searchable(who) if isinstance(who, str) else ""
    async with database.reading() as tx:
        if isinstance(who, str):
            found = await tx.maybe(Credentials, queries.CREDENTIALS, email=email)
        else:
            found = await tx.maybe(Credentials, queries.CREDENTIALS_OF, id=who)
        subject = rules.subject(found.id if found else None, email or str(who))
        rules.may_try(await _attempts(tx, subject, found, origin, now), now)
    is_right, renewed_hash = await hashing.matches(password, found.password_hash if found else None)
    return Proof(found, is_right, renewed_hash, subject, origin)


async def take_turn(tx: Tx, proof: Proof) -> None:
    """Wait for others who are proving to be the same person. To be done before accounts are locked, or two could wait for each
    other."""
    await tx.run(queries.ONE_AT_A_TIME, subject=proof.subject)


async def accept(tx: Tx, proof: Proof, now: datetime) -> Credentials | None:
    """The account, locked, if the proof holds; None, and a failure counted, if not. Attempts that were compared side by side
    are judged one after the other here, so that a hundred at once are no way around the limit."""
    await take_turn(tx, proof)
    attempts = await _attempts(tx, proof.subject, proof.found, proof.origin, now)
    rules.may_try(attempts, now)
    current = await tx.maybe(Credentials, queries.CREDENTIALS_LOCKED, id=proof.found.id if proof.found else None)
    network = rules.network(proof.origin.ip_address)
    if current and current.is_active and proof.is_right and proof.found and _same_password(current, proof.found):
        await tx.run(queries.FORGIVE, subject=proof.subject, network=network)
        if proof.renewed_hash:
            await tx.run(queries.SET_PASSWORD, id=current.id, password_hash=proof.renewed_hash)
        return current
    await tx.run(queries.FAILED, subject=proof.subject, network=network, now=now)
    after = await _attempts(tx, proof.subject, proof.found, proof.origin, now)
    if current and after.pair_at and not attempts.pair_at:
        await publish(tx, by_stranger("sign_in_locked", current.id, proof.origin, failures=FAILURES_OF_PAIR))
    if current and after.anywhere_at and not attempts.anywhere_at:
        await publish(tx, by_stranger("sign_in_locked_everywhere", current.id, proof.origin, failures=FAILURES_OF_ACCOUNT))
    return None


def _same_password(now: Credentials, then: Credentials) -> bool:
    """A hash that changed while the tokens' version did not is the same password, hashed anew by a sign-in beside this one."""
    return now.password_hash == then.password_hash or now.token_version == then.token_version


async def _attempts(tx: Tx, subject: bytes, found: Credentials | None, origin: Origin, now: datetime) -> Attempts:
    return await tx.one(
        Attempts,
        queries.ATTEMPTS,
        subject=subject,
        network=rules.network(origin.ip_address),
        account_id=found.id if found else None,
        of_pair=FAILURES_OF_PAIR,
        of_account=FAILURES_OF_ACCOUNT,
        window=WINDOW,
        known_for=KNOWN_FOR,
        now=now,
    )


def _searchable(email: str) -> str:
    """As registration would have stored it; empty, which finds nobody, where it could not have stored it."""
    try:
        return normal_email(email)
    except ValueError:
        return ""
