"""What the auth service does again and again."""

from services.auth import queries
from services.auth.consumers import RevocationSet
from services.auth.queries import Revocation
from services.auth.settings import AuthSettings
from shared.events.auth import SessionsRevoked
from shared.storage import Storage
from shared.worker import Job, Runtime


async def fill_revocations(runtime: Runtime) -> None:
    """Put every revocation that matters into the Redis set: it may be new, or have lost everything."""
    async with runtime.database.reading() as tx:
        rows = await tx.all(Revocation, queries.REVOCATIONS)
    events = [
        SessionsRevoked(user_id=r.account_id, below_version=r.below_version, session_id=r.session_id, until=r.until) for r in rows
    ]
    target = RevocationSet()
    target.open(runtime.settings.redis_url)
    try:
        await target.add(*events)
    finally:
        await target.close()


async def delete_stale_files(runtime: Runtime) -> None:
    """Delete pictures that no account names."""
    settings = runtime.settings
    assert isinstance(settings, AuthSettings)  # noqa: S101  declared in app
    storage = Storage(settings.objects_url, "avatars")
    async with runtime.database.transaction() as tx:
        names = [row["name"] for row in await tx.rows(queries.STALE_FILES)]
        for name in names:
            await storage.delete(name)
        await tx.run(queries.FORGET_FILES, names=names)


async def forget_expired(runtime: Runtime) -> None:
    """Drop sessions, tokens, revocations and failures that nothing depends on any more."""
    async with runtime.database.transaction() as tx:
        await tx.run(queries.FORGET_EXPIRED)


JOBS = (
    Job("fill_revocations", 5, fill_revocations),
    Job("delete_stale_files", 600, delete_stale_files),
    Job("forget_expired", 900, forget_expired),
)
