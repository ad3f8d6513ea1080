"""Changing a password, knowing the old one or holding a mailed secret; and proving an e-mail address."""

from datetime import datetime

from services.auth import queries, rules, secrets
from services.auth.actions import accounts, sessions
from services.auth.actions.audit import by_stranger
from services.auth.fields import not_the_address
from services.auth.queries import Account, Credentials, SignedIn
from shared.auth import Origin, Principal
from shared.db import Tx
from shared.errors import BadRequest, Invalid
from shared.events.auth import AuthAudited, MailRequested
from shared.outbox import publish


class WrongPassword(BadRequest):
    detail = "The password is wrong."


class InvalidToken(BadRequest):
    detail = "This link was used before or has expired. Ask for a new mail."


def acceptable(password: str, email: str) -> None:
    """Raises `Invalid` for a password that is the e-mail address itself."""
    try:
        not_the_address(password, email)
    except ValueError as error:
        errors = [{"field": "new_password", "message": str(error)}]
        raise Invalid(f"new_password: {error}", errors=errors) from error


async def change(tx: Tx, who: Credentials, actor: Principal, password_hash: str, now: datetime) -> Credentials:
    """Set another password; every session ends, so that whoever knew the old one is out."""
    await _set(tx, who.id, password_hash, now)
    mail = MailRequested(user_id=who.id, email=who.email, first_name=who.first_name, kind="password_changed")
    await publish(tx, AuthAudited.of("password_changed", actor, "user", who.id), mail)
    return await tx.one(Credentials, queries.CREDENTIALS_OF, id=who.id)


async def owner_of(tx: Tx, token: str, now: datetime) -> SignedIn:
    """Whom a reset mail was sent to. Raises `InvalidToken`."""
    digest = secrets.digest(token)
    owner = await tx.maybe(SignedIn, queries.MAIL_TOKEN_OWNER, digest=digest, purpose="reset_password", now=now)
    if owner is None:
        raise InvalidToken
    return owner


async def reset(tx: Tx, token: str, password_hash: str, avatars: str, origin: Origin, now: datetime) -> None:
    """Set another password with the secret of a reset mail, which also proves the address."""
    account = await _redeem(tx, token, "reset_password", now)
    await _set(tx, account.id, password_hash, now)
    await tx.run(queries.FORGIVE_ALL, subject=rules.subject(account.id, ""))
    await accounts.change(tx, account, avatars, {"is_verified": True})
    mail = MailRequested(user_id=account.id, email=account.email, first_name=account.first_name, kind="password_changed")
    await publish(tx, by_stranger("password_reset", account.id, origin), mail)


async def verify_email(tx: Tx, token: str, avatars: str, origin: Origin, now: datetime) -> None:
    """Prove an address with the secret that was mailed to it."""
    account = await _redeem(tx, token, "verify_email", now)
    await accounts.change(tx, account, avatars, {"is_verified": True})
    await publish(tx, by_stranger("email_verified", account.id, origin))


async def _redeem(tx: Tx, token: str, kind: str, now: datetime) -> Account:
    mine = {"digest": secrets.digest(token), "purpose": kind, "now": now}
    owner = await tx.maybe(SignedIn, queries.MAIL_TOKEN_OWNER, **mine)
    account = await tx.maybe(Account, queries.LOCKED, id=owner.id) if owner else None  # before the token, as everywhere
    if account is None or not account.is_active or not await tx.run(queries.TAKE_MAIL_TOKEN, **mine):
        raise InvalidToken
    return account


async def _set(tx: Tx, account_id: int, password_hash: str, now: datetime) -> None:
    await tx.run(queries.SET_PASSWORD, id=account_id, password_hash=password_hash)
    await tx.run(queries.WITHDRAW_RESET_TOKEN, account_id=account_id)
    await sessions.end_all(tx, account_id, now)
