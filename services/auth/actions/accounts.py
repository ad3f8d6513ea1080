"""Accounts: coming to be, being changed by their owners, and what events say of them."""

from dataclasses import asdict, replace
from typing import Any

import psycopg

from services.auth import queries, rules
from services.auth.queries import Account
from shared.auth import Principal
from shared.db import Tx, violated
from shared.errors import Conflict, Unauthorized
from shared.events.auth import UserChanged, UserRegistered
from shared.outbox import publish


class EmailTaken(Conflict):
    detail = "An account with this e-mail address exists. Sign in, or reset the password."


class AccountGone(Unauthorized):
    detail = "This account is not active, or the access token was revoked. Sign in again."


async def register(tx: Tx, avatars: str, is_verified: bool = False, **fields: Any) -> Account:
    """Create an account (`queries.INSERT` names the fields) and tell everybody. Raises `EmailTaken`, also under race."""
    try:
        account = await tx.one(Account, queries.INSERT, is_verified=is_verified, **fields)
    except psycopg.errors.UniqueViolation as error:
        if violated(error) == "email_is_unique":
            raise EmailTaken from error
        raise
    await publish(tx, UserRegistered(**public_state(account, avatars)))
    return account


async def me(tx: Tx, actor: Principal) -> Account:
    """The signed-in account. Raises `AccountGone` the moment it may do nothing any more, whatever events are under way."""
    return _alive(await tx.maybe(Account, queries.BY_ID, id=actor.user_id), actor)


async def me_locked(tx: Tx, actor: Principal) -> Account:
    """The same, to change it."""
    return _alive(await tx.maybe(Account, queries.LOCKED, id=actor.user_id), actor)


async def change_me(tx: Tx, actor: Principal, avatars: str, changes: dict[str, Any]) -> Account:
    """Change fields of the own account."""
    return await change(tx, await me_locked(tx, actor), avatars, changes)


async def change(tx: Tx, account: Account, avatars: str, changes: dict[str, Any]) -> Account:
    """Write `changes` of a locked account and tell everybody; nothing is written or said where nothing differs."""
    _, changed = rules.differences(account, changes)
    if not changed:
        return account
    account = await tx.one(Account, queries.CHANGE, **asdict(replace(account, **changed)))
    await publish(tx, UserChanged(**public_state(account, avatars)))
    return account


def public_state(account: Account, avatars: str) -> dict[str, Any]:
    """The fields of every account event. `avatars` is the URL that pictures are served below."""
    return {
        "user_id": account.id,
        "version": account.version,
        "email": account.email,
        "role": account.role,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "avatar_url": f"{avatars}/{account.avatar_name}",
        "currency": account.currency,
        "timezone": account.timezone,
        "is_active": account.is_active,
        "is_verified": account.is_verified,
        "email_notifications": account.email_notifications,
        "push_notifications": account.push_notifications,
        "sms_notifications": account.sms_notifications,
        "created_at": account.created_at,
        "deleted_at": account.deleted_at,
        "purged": account.purged_at is not None,
    }


def _alive(account: Account | None, actor: Principal) -> Account:
    if account is None or not account.is_active or actor.version < account.token_version:
        raise AccountGone
    return account
