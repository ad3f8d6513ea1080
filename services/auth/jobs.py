"""What the auth service does again and again."""

import asyncio
from datetime import UTC, datetime, timedelta

from services.auth import queries, rules
from services.auth.actions import sessions
from services.auth.consumers import RevocationSet
from services.auth.queries import Revocation
from services.auth.settings import AuthSettings
from shared import logs
from shared.db import forget_in_batches
from shared.events.auth import SessionsRevoked
from shared.storage import Storage
from shared.worker import Job, Runtime

FILES = 100  # deleted at once

log = logs.get(__name__)


async def fill_revocations(runtime: Runtime) -> None:
    """Put every revocation that matters into the Redis set: it may be new, or have lost everything."""
    async with runtime.database.reading() as tx:
        rows = await tx.all(Revocation, queries.REVOCATIONS)
    events = [
        SessionsRevoked(user_id=r.account_id, below_version=r.below_version, session_id=r.session_id, until=r.until) for r in rows
    ]
    target = RevocationSet()
    async with target.opened(runtime.settings.redis_url):
        await target.add(*events)


async def delete_stale_files(runtime: Runtime) -> None:
    """Delete pictures that no account names, until none is left. One that cannot be deleted keeps no other from it."""
    storage = Storage(_settings(runtime).objects_url, "avatars")
    gone = FILES
    while gone:
        async with runtime.database.transaction() as tx:
            names = [row["name"] for row in await tx.rows(queries.TAKE_STALE_FILES, batch=FILES)]
        gone = await _delete(runtime, storage, names)


async def forget_expired(runtime: Runtime) -> None:
    """Drop sessions, tokens, revocations and failures that nothing depends on any more."""
    async with runtime.database.transaction() as tx:
        await tx.run(queries.FORGET_EXPIRED, known_for=rules.KNOWN_FOR, window=rules.WINDOW)
    remembered = timedelta(days=_settings(runtime).refresh_token_days)
    await forget_in_batches(runtime.database, queries.FORGET_SPENT, remembered=remembered)


async def end_surplus_sessions(runtime: Runtime) -> None:
    """Bring down to as many as may be the sessions of accounts that have more, from before there was a limit."""
    async with runtime.database.reading() as tx:
        crowded = [row["account_id"] for row in await tx.rows(queries.CROWDED, most=rules.LIVE_SESSIONS)]
    for account_id in crowded:
        ended = sessions.SURPLUS
        while ended == sessions.SURPLUS:
            async with runtime.database.transaction() as tx:
                ended = await sessions.end_surplus(tx, account_id, rules.LIVE_SESSIONS, datetime.now(UTC))


async def fold_counts(runtime: Runtime) -> None:
    """Keep the numbers of accounts in few rows."""
    async with runtime.database.transaction() as tx:
        await tx.run(queries.FOLD_COUNTS)


async def _delete(runtime: Runtime, storage: Storage, names: list[str]) -> int:
    """How many of these files are deleted now."""
    failures = await asyncio.gather(*(storage.delete(name) for name in names), return_exceptions=True)
    gone = [name for name, failure in zip(names, failures, strict=True) if failure is None]
    async with runtime.database.transaction() as tx:
        await tx.run(queries.FORGET_FILES, names=gone)
    if len(gone) < len(names):
        first = next(failure for failure in failures if failure is not None)
        log.warning("files_not_deleted", files=len(names) - len(gone), first=repr(first))
    return len(gone)


def _settings(runtime: Runtime) -> AuthSettings:
    assert isinstance(runtime.settings, AuthSettings)  # noqa: S101  declared in app
    return runtime.settings


JOBS = (
    Job("fill_revocations", 5, fill_revocations),
    Job("delete_stale_files", 600, delete_stale_files),
    Job("forget_expired", 900, forget_expired),
    Job("end_surplus_sessions", 900, end_surplus_sessions),
    Job("fold_counts", 10, fold_counts),
)
