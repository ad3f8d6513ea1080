"""`/health`: one answer for the whole system, naming what is down."""

import asyncio
import json
import time
from datetime import UTC, datetime

from gateway.upstream.fetch import fetch
from gateway.upstream.pool import Pool
from shared.errors import Refusal
from shared.types import format_instant

WITHIN = 1.5  # seconds for a service to answer
REMEMBERED = 1.0  # seconds, so that no crowd of probes becomes a crowd of questions


class Health:
    """Asks every service at once; those who ask meanwhile share the answer."""

    def __init__(self, pools: dict[str, Pool]) -> None:
        self._pools = pools
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answer: tuple[int, bytes] = (503, b"")

    async def report(self) -> tuple[int, bytes]:
        """Status and body."""
        async with self._lock:
            if time.monotonic() - self._asked_at > REMEMBERED:
                self._answer = await self._ask()
                self._asked_at = time.monotonic()
        return self._answer

    async def _ask(self) -> tuple[int, bytes]:
        found = await asyncio.gather(*(_ready(pool) for pool in self._pools.values()))
        services = {name: status for name, (status, _) in zip(self._pools, found, strict=True)}
        down = [f"{name} is {status}" for name, status in services.items() if status != "healthy"]
        disconnected = any(database == "disconnected" for _, database in found) or not any(database for _, database in found)
        body = {
            "status": "unhealthy" if down else "healthy",
            "timestamp": format_instant(datetime.now(UTC)),
            "database": "disconnected" if disconnected else "connected",
            "services": services,
        }
        if down:
            body["error"] = "; ".join(down)
        return 503 if down else 200, json.dumps(body).encode()


async def _ready(pool: Pool) -> tuple[str, str]:
    """How a service is, and its database."""
    try:
        status, body = await fetch(pool, "/health/ready", WITHIN)
        database = json.loads(body).get("database", "")
    except (Refusal, TimeoutError):
        return "unreachable", ""
    except (ValueError, AttributeError):
        return "unhealthy", ""
    return "healthy" if status == 200 else "unhealthy", database
