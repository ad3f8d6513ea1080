"""What administrators do to accounts. Their decisions about each other are taken one at a time: each transaction first locks
the rows of all active administrators, so that two who demote each other cannot both find the other still there."""

from datetime import datetime
from typing import Any

from services.auth import queries, rules
from services.auth.actions import sessions
from services.auth.actions.accounts import AccountGone, change, public_state
from services.auth.queries import Account
from shared import idempotency
from shared.auth import Principal
from shared.db import Tx
from shared.errors import Conflict, NotFound
from shared.events.auth import AuthAudited, UserPurged
from shared.outbox import publish
from shared.paging import Page
from shared.tokens import Role


class AccountDeleted(Conflict):
    detail = "This account is deleted. Restore it first."


class AccountNotDeleted(Conflict):
    detail = "This account is not deleted."


async def find(tx: Tx, page: Page, role: str | None, search: str | None, is_active: bool | None) -> tuple[list[Account], int]:
    """Accounts that are not deleted, newest first, and how many there are. `search` is part of an address or name."""
    known = {None: [], True: [queries.ACTIVE], False: [queries.INACTIVE]}[is_active] + ([queries.OF_ROLE] if role else [])
    where = " AND ".join([*known, *([queries.FOUND] if search else [])]) or "true"
    values = {"role": role, "search": search and _containing(search)}
    accounts = await tx.all(Account, queries.USERS.format(where), **values, limit=page.limit, offset=page.offset)
    total = queries.COUNT_FOUND if search else queries.TOTAL
    return accounts, await tx.value(total.format(where), **values)


async def get(tx: Tx, user_id: int) -> Account:
    account = await tx.maybe(Account, queries.BY_ID, id=user_id)
    if account is None or account.purged_at is not None:
        raise NotFound("No such user.")
    return account


async def deleted(tx: Tx, page: Page) -> tuple[list[Account], int]:
    """Deleted accounts that can still be restored, newest deletion first."""
    accounts = await tx.all(Account, queries.DELETED, limit=page.limit, offset=page.offset)
    return accounts, await tx.value(queries.COUNT_DELETED)


async def update(tx: Tx, actor: Principal, user_id: int, avatars: str, changes: dict[str, Any], now: datetime) -> Account:
    """Change role, activity or names of an account."""
    administrators = await lock_administrators(tx, actor)
    account = await lock(tx, user_id)
    before, after = rules.differences(account, changes)
    if {"role", "is_active"} & after.keys():
        _may_lose(actor, account, administrators)
    changed = await change(tx, account, avatars, after)
    if after.get("is_active") is False:
        await sessions.end_all(tx, user_id, now)
    elif "role" in after:
        await sessions.revoke_tokens(tx, user_id, now)
    await publish(tx, *_audited(actor, user_id, before, after))
    return changed


async def soft_delete(tx: Tx, actor: Principal, user_id: int, avatars: str, reason: str | None, now: datetime) -> Account:
    """The account can do nothing any more and is out of sight; it can be restored until it is purged."""
    administrators = await lock_administrators(tx, actor)
    account = await lock(tx, user_id)
    _may_lose(actor, account, administrators)
    return await delete(tx, actor, account, avatars, reason, now)


async def delete(tx: Tx, actor: Principal, account: Account, avatars: str, reason: str | None, now: datetime) -> Account:
    """Delete a locked account, on whoever's decision."""
    after = {"is_active": False, "deleted_at": now, "deletion_reason": reason, "was_active": account.is_active}
    before, _ = rules.differences(account, {"is_active": False, "deleted_at": now})
    gone = await change(tx, account, avatars, after)
    await sessions.end_all(tx, account.id, now)
    said = {"is_active": False, "deleted_at": now.isoformat()}
    await publish(tx, AuthAudited.of("user_deleted", actor, "user", account.id, before=before, after=said, reason=reason))
    return gone


async def restore(tx: Tx, actor: Principal, user_id: int, avatars: str) -> Account:
    """Undo a deletion: who was banned before stays so."""
    await lock_administrators(tx, actor)
    account = await tx.maybe(Account, queries.LOCKED, id=user_id)
    if account is None or account.purged_at is not None:
        raise NotFound("No such user.")
    if account.deleted_at is None:
        raise AccountNotDeleted
    was_active = account.was_active is not False
    former = {"is_active": was_active, "deleted_at": None, "deletion_reason": None, "was_active": None}
    back = await change(tx, account, avatars, former)
    before = {"is_active": account.is_active, "deleted_at": account.deleted_at.isoformat(), "reason": account.deletion_reason}
    after = {"is_active": was_active, "deleted_at": None}
    await publish(tx, AuthAudited.of("user_restored", actor, "user", user_id, before=before, after=after))
    return back


async def purge_some(tx: Tx, actor: Principal, avatars: str, deleted_before: datetime, now: datetime) -> int:
    """Anonymise a batch of accounts that were deleted before then, for good, and tell every service to do the same; how many."""
    accounts = await tx.all(Account, queries.PURGE, deleted_before=deleted_before, now=now)
    await idempotency.forget_of(tx, *(account.id for account in accounts))
    after = {"purged_at": now.isoformat()}
    audited = [AuthAudited.of("user_purged", actor, "user", a.id, before={"purged_at": None}, after=after) for a in accounts]
    await publish(tx, *(UserPurged(**public_state(account, avatars)) for account in accounts), *audited)
    return len(accounts)


async def lock_administrators(tx: Tx, actor: Principal) -> set[int]:
    """All active administrators, locked. Raises `AccountGone` when the actor is none of them any more."""
    versions = {row["id"]: row["token_version"] for row in await tx.rows(queries.ADMINISTRATORS)}
    if actor.user_id not in versions or actor.version < versions[actor.user_id]:
        raise AccountGone
    return set(versions)


async def lock(tx: Tx, user_id: int) -> Account:
    """An account to change. Raises `NotFound`, `AccountDeleted`."""
    account = await tx.maybe(Account, queries.LOCKED, id=user_id)
    if account is None or account.purged_at is not None:
        raise NotFound("No such user.")
    if account.deleted_at is not None:
        raise AccountDeleted
    return account


def _may_lose(actor: Principal, account: Account, administrators: set[int]) -> None:
    if account.role == Role.ADMIN or account.id == actor.user_id:
        rules.may_lose_rights(actor.user_id, account.id, administrators)


def _audited(actor: Principal, user_id: int, before: dict[str, Any], after: dict[str, Any]) -> list[AuthAudited]:
    """One event for each kind of change, so that the log can be filtered by it."""
    kinds = {
        "user_role_changed": {"role"},
        "user_activated" if after.get("is_active") else "user_deactivated": {"is_active"},
        "user_updated": {"first_name", "last_name"},
    }
    said = []
    for action, fields in kinds.items():
        was, is_now = ({name: state[name] for name in fields & state.keys()} for state in (before, after))
        if is_now:
            more = {"old_role": was["role"], "new_role": is_now["role"]} if "role" in is_now else {}
            said.append(AuthAudited.of(action, actor, "user", user_id, before=was, after=is_now, **more))
    return said


def _containing(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
