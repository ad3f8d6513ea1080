"""Does a storm of logins slow logins only? Latency of GET /auth/me while nothing else happens, and while 50 logins are in flight.

    python -m tests.load.bench_auth_logins [--seconds 10] [--logins 50]

The service runs as a process of its own; the ratio of the medians is to stay within 2."""

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import httpx
import psycopg
import redis

from deploy.local.databases import scratch
from deploy.local.servers import Urls
from services.auth.passwords import HASHER
from shared import migrations
from shared.revocations import SET
from tests.harness import INTERNAL_TOKEN, PRIVATE_KEY
from tests.load.servers import servers

PORT = 18_001
PASSWORD = "password123"
ROUNDS = 3
SETTLED = 3.0  # seconds after which logins that began together have spread
PEOPLE = """
INSERT INTO accounts (email, password_hash, role, first_name, last_name)
SELECT 'user' || n || '@example.com', %s, 'student', 'User', n::text FROM generate_series(1, 200) AS n
"""


@contextlib.asynccontextmanager
async def auth(urls: Urls, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The service on a fresh database, at `url`, with 200 accounts."""
    migrations.upgrade("auth", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PEOPLE, (HASHER.hash(PASSWORD),))
    with redis.Redis.from_url(urls.redis) as store:
        store.delete(SET)  # of accounts of an earlier run, which had the same ids
    environment = {
        "EDUSTREAM_ENV": "local",
        "EDUSTREAM_INTERNAL_TOKEN": INTERNAL_TOKEN,
        "EDUSTREAM_JWT_PRIVATE_KEY": PRIVATE_KEY,
        "AUTH_DATABASE_URL": url,
        "AUTH_PORT": str(PORT),
        "REDIS_URL": urls.redis,
        "AMQP_URL": urls.amqp,
        "LOG_LEVEL": "ERROR",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.auth", "api"), env=os.environ | environment, stdout=subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=120, limits=httpx.Limits()) as client:
            await _until_ready(client)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _until_ready(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if (await client.get("/health/ready")).is_success:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("the service did not start")


async def login(client: httpx.AsyncClient, number: int) -> str:
    answer = await client.post("/auth/login", json={"email": f"user{number}@example.com", "password": PASSWORD})
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


async def latencies(client: httpx.AsyncClient, token: str, seconds: float) -> list[float]:
    """Of requests one after the other, in milliseconds."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.perf_counter()
        (await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).raise_for_status()
        found.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.002)  # a steady visitor, not a second storm
    return found


def show(name: str, found: list[float]) -> float:
    cuts = statistics.quantiles(found, n=100)
    median = statistics.median(found)
    print(f"{name:28} p50 {median:7.2f} ms   p95 {cuts[94]:7.2f} ms   p99 {cuts[98]:7.2f} ms   ({len(found)} requests)")
    return median


async def storm(client: httpx.AsyncClient, logins: int, took: list[float]) -> None:
    """Sign in on and on, so many at once."""

    async def keep_signing_in(number: int) -> None:
        while True:
            started = time.perf_counter()
            await asyncio.shield(login(client, number))  # one that has begun is not broken off
            took.append(time.perf_counter() - started)

    await asyncio.gather(*(keep_signing_in(number) for number in range(1, logins + 1)))


async def measure(urls: Urls, url: str, seconds: float, logins: int) -> None:
    alone: list[float] = []
    beside: list[float] = []
    took: list[float] = []
    stormy, done = 0.0, 0
    async with auth(urls, url) as client:
        token = await login(client, 1)
        await latencies(client, token, 1)
        for _ in range(ROUNDS):  # in turns, so that whatever else the machine does touches both alike
            alone += await latencies(client, token, seconds / ROUNDS)
            raging = asyncio.ensure_future(storm(client, logins, took))
            await asyncio.sleep(SETTLED)
            started, before = time.perf_counter(), len(took)
            beside += await latencies(client, token, seconds / ROUNDS)
            stormy += time.perf_counter() - started
            done += len(took) - before
            raging.cancel()
            await asyncio.gather(raging, return_exceptions=True)
            await login(client, 1)  # queued behind all of them: the storm is over
    ratio = show(f"/auth/me, {logins} logins in flight", beside) / show("/auth/me alone", alone)
    print(f"logins: {done / stormy:.1f} a second, median {statistics.median(took or [0.0]):.2f} s")
    print(f"ratio of the medians: {ratio:.2f} (to stay within 2)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--logins", type=int, default=50)
    given = parser.parse_args()
    with servers() as backing, scratch(backing.postgres, "bench_auth") as database_url:
        asyncio.run(measure(backing, database_url, given.seconds, given.logins))
