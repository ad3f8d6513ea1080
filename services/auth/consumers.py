"""What the auth service hears: its own revocations, to put them where starting processes look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import logs, revocations
from shared.db import Tx
from shared.events.auth import SessionsRevoked
from shared.inbox import Subscriptions
from shared.redis import Redis, RedisError, from_url

subscriptions = Subscriptions("auth")
log = logs.get(__name__)


class RevocationSet:
    """This process's connection to the Redis set of revocations."""

    def __init__(self) -> None:
        self._client: Redis | None = None

    @asynccontextmanager
    async def opened(self, url: str) -> AsyncIterator[None]:
        """Until the block ends; then what was open before is used again."""
        before = self._client
        async with from_url(url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = before

    async def add(self, *events: SessionsRevoked) -> None:
        """Raises `RedisError` when they could not be added."""
        if self._client is not None:
            await revocations.remember(self._client, *events)


revocation_set = RevocationSet()


@subscriptions.on(SessionsRevoked)
async def remember(_tx: Tx, event: SessionsRevoked) -> None:
    """Without Redis nothing waits: the job that fills the set from the database makes up for it."""
    try:
        await revocation_set.add(event)
    except RedisError as error:
        log.warning("revocation_not_remembered", error=repr(error))
