"""Further words of the command line: first administrator, keys, resync."""

from datetime import UTC, datetime, timedelta

from services.auth import queries
from services.auth.actions import accounts
from services.auth.keyring import Keyring
from services.auth.passwords import HASHER
from services.auth.queries import Account
from services.auth.settings import AuthSettings
from shared import logs
from shared.db import Tx
from shared.events.auth import AuthAudited, UserSnapshot
from shared.outbox import publish
from shared.worker import Runtime

BATCH = 500  # snapshots in one transaction

log = logs.get(__name__)


async def first_admin(runtime: Runtime) -> None:
    """Create the first administrator from the environment, once: when there is none."""
    settings = _settings(runtime)
    if settings.admin_email is None or settings.admin_password is None or await _is_administered(runtime):
        return
    password_hash = HASHER.hash(settings.admin_password)
    try:
        async with runtime.database.transaction() as tx:
            await _create_admin(tx, settings, password_hash)
    except accounts.EmailTaken:
        if not await _is_administered(runtime):  # by another migration beside this one
            log.error("no_first_administrator", reason="somebody who is none has EDUSTREAM_ADMIN_EMAIL: set another address")


async def rotate_key(runtime: Runtime) -> None:
    """Announce a new signing key. It signs once every verifier knows it; the old one counts until its last token expired."""
    settings = _settings(runtime)
    await _add_key(runtime, datetime.now(UTC) + timedelta(seconds=settings.key_ahead_seconds), alone=False)


async def replace_key(runtime: Runtime) -> None:
    """A key leaked: a new one signs at once, and within five minutes nobody accepts the old ones. People stay signed in."""
    await _add_key(runtime, datetime.now(UTC), alone=True)


async def resync(runtime: Runtime) -> None:
    """Say the state of every account again."""
    settings, last, said = _settings(runtime), 0, 0
    while True:
        async with runtime.database.transaction() as tx:
            batch = await tx.all(Account, queries.BATCH_AFTER, id=last, batch=BATCH)
            await publish(tx, *(UserSnapshot(**accounts.public_state(a, settings.avatars_url)) for a in batch))
        if not batch:
            break
        last, said = batch[-1].id, said + len(batch)
    log.info("resynced", accounts=said)


async def _is_administered(runtime: Runtime) -> bool:
    async with runtime.database.reading() as tx:
        return bool(await tx.value(queries.ANY_ADMIN))


async def _create_admin(tx: Tx, settings: AuthSettings, password_hash: str) -> None:
    account = await accounts.register(
        tx,
        settings.avatars_url,
        email=settings.admin_email,
        password_hash=password_hash,
        role="admin",
        first_name="First",
        last_name="Administrator",
        timezone="UTC",
        currency="USD",
        is_verified=True,
    )
    await publish(tx, AuthAudited.of("first_admin_created", None, "user", account.id))


async def _add_key(runtime: Runtime, signs_from: datetime, *, alone: bool) -> None:
    keyring = Keyring(_settings(runtime).jwt_private_key)
    async with runtime.database.transaction() as tx:
        key = await keyring.add(tx, signs_from, alone=alone)
        action = "signing_key_replaced" if alone else "signing_key_rotated"
        said = AuthAudited.of(action, None, "signing_key", None, kid=key.kid, signs_from=signs_from.isoformat())
        await publish(tx, said)
    log.info("key_added", kid=key.kid, signs_from=signs_from.isoformat(), alone=alone)


def _settings(runtime: Runtime) -> AuthSettings:
    assert isinstance(runtime.settings, AuthSettings)  # noqa: S101  declared in app
    return runtime.settings
