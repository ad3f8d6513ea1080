"""Pictures of accounts. A file is noted as stale before it is stored and until an account names it, and again when no account
names it any more; a job deletes stale files, so that nothing is lost or left over wherever a process may die."""

import secrets

from services.auth import queries
from services.auth.actions.accounts import change
from services.auth.queries import Account
from shared.auth import Principal
from shared.db import Database, Tx
from shared.events.auth import AuthAudited
from shared.outbox import publish
from shared.storage import Storage

DEFAULT = "default.png"


async def store(database: Database, storage: Storage, picture: bytes) -> str:
    """Store an encoded picture under a fresh name, which nobody's account has yet."""
    name = f"{secrets.token_hex(16)}.webp"
    async with database.transaction() as tx:
        await tx.run(queries.CLAIM_FILE, name=name)
    await storage.put(name, picture)
    return name


async def put(tx: Tx, account: Account, name: str, avatars: str) -> Account:
    """Give a locked account a stored picture, or the default one."""
    await tx.run(queries.KEEP_FILE, name=name)
    await tx.run(queries.DROP_FILE, name=account.avatar_name)
    return await change(tx, account, avatars, {"avatar_name": name})


async def put_for(tx: Tx, actor: Principal, account: Account, name: str, avatars: str) -> Account:
    """The same, by an administrator."""
    changed = await put(tx, account, name, avatars)
    before, after = ({"avatar_url": f"{avatars}/{each.avatar_name}"} for each in (account, changed))
    await publish(tx, AuthAudited.of("user_avatar_changed", actor, "user", account.id, before=before, after=after))
    return changed
