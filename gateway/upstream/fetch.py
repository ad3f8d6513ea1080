"""The gateway's own small questions to services, over the same pools as its clients' requests."""

import asyncio

from gateway.upstream.pool import Pool


async def fetch(pool: Pool, path: str, within: float) -> tuple[int, bytes]:
    """Status and body of a GET. Raises `Refusal` or TimeoutError."""
    head = f"GET {path} HTTP/1.1\r\nhost: {pool.host}:{pool.port}\r\naccept: application/json\r\n\r\n".encode()
    async with asyncio.timeout(within):
        connection = await pool.acquire()
        try:
            connection.begin(head, head_only=False, whole=True)
            await connection.head()
            pieces = []
            while piece := await connection.read():
                pieces.append(piece)
            return connection.status, b"".join(pieces)
        finally:
            pool.release(connection)
