"""The gateway's own small questions to services, over the same pools as its clients' requests."""

import asyncio

from gateway.upstream.connection import Connection
from gateway.upstream.errors import ServiceBroke
from gateway.upstream.pool import Pool
from shared.errors import Refusal


class _Whole:
    """Collects an answer."""

    def __init__(self) -> None:
        self.found: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def answered(self, connection: Connection) -> None:
        self.more(connection)

    def more(self, connection: Connection) -> None:
        if connection.done and not self.found.done():
            self.found.set_result((connection.status, b"".join(connection.body)))

    def broke(self, error: Refusal) -> None:
        if not self.found.done():
            self.found.set_exception(error)

    def hold(self) -> None:
        """The question has been written whole."""

    def resume(self) -> None:
        """See `hold`."""


async def fetch(pool: Pool, path: str, within: float) -> tuple[int, bytes]:
    """Status and body of a GET. Raises `Refusal` or TimeoutError."""
    async with asyncio.timeout(within):
        try:
            return await _ask(pool, path, fresh=False)
        except ServiceBroke as broke:
            if not broke.stale:
                raise
            return await _ask(pool, path, fresh=True)  # a kept connection had just been closed


async def _ask(pool: Pool, path: str, *, fresh: bool) -> tuple[int, bytes]:
    head = f"GET {path} HTTP/1.1\r\nhost: {pool.host}:{pool.port}\r\naccept: application/json\r\n\r\n".encode()
    connection = await pool.acquire(fresh=fresh)
    try:
        answer = _Whole()
        connection.begin(answer, head, head_only=False, whole=True)
        return await answer.found
    finally:
        pool.release(connection)
