"""Is the thread list flat? One person with 10 threads, one with 10,000, of as many messages each.

    python -m tests.load.bench_messaging_threads [--messages 1000000]

Prints p50 and p99 of the thread list, of a conversation's first and last page, of the unread count and of searches, through the
whole application; the ratio of the two people's thread lists (to stay within 2); and the plan of the query."""

import argparse
import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import psycopg

from deploy.local.databases import scratch
from deploy.local.servers import Urls
from services.messaging import queries
from shared import logs, migrations
from tests.harness import Harness, running
from tests.load.servers import servers

FEW, MANY = 1, 2
THREADS = {FEW: 10, MANY: 10_000}
RUNS = 300
FLAT = 2.0  # times as long, at most

PEOPLE = """
INSERT INTO people (id, version, name, email, avatar_url, is_active)
SELECT id, 1, 'Person ' || id, id || '@example.com', 'http://localhost/' || id, true FROM generate_series(1, 30000) AS id
"""
# The newest messages are spread over all threads, so that the list's order has nothing to do with where rows lie.
MESSAGES = """
INSERT INTO messages (sender_id, recipient_id, position, text, created_at, read_at)
SELECT CASE WHEN n %% 2 = 0 THEN %(me)s::bigint ELSE 10000 + n %% %(threads)s END,
  CASE WHEN n %% 2 = 0 THEN 10000 + n %% %(threads)s ELSE %(me)s::bigint END,
  1 + n / %(threads)s, 'Message ' || n || CASE WHEN n %% 1000 = 0 THEN ' about kinematics' ELSE ' about the lesson' END,
  timestamptz '2025-01-01' + n * interval '1 second', CASE WHEN n %% 7 <> 0 THEN now() END
FROM generate_series(0, %(messages)s::bigint - 1) AS n
"""
SIDES = """
INSERT INTO threads (owner_id, other_id, message_count, unread_count, last_message_at)
SELECT owner_id, other_id, count(*), sum(unread), max(created_at) FROM (
  SELECT sender_id AS owner_id, recipient_id AS other_id, 0 AS unread, created_at FROM messages
  UNION ALL SELECT recipient_id, sender_id, (read_at IS NULL)::int, created_at FROM messages
) AS side GROUP BY owner_id, other_id
"""


def load(url: str, messages: int) -> None:
    """Migrate the empty database and write the history."""
    migrations.upgrade("messaging", url)
    with psycopg.connect(url, autocommit=True) as connection:
        index = connection.execute("SELECT pg_get_indexdef('messages_search'::regclass)").fetchone() or ("",)
        connection.execute("DROP INDEX messages_search")  # built at once afterwards: ten times faster
        connection.execute(PEOPLE)
        for me, threads in THREADS.items():
            connection.execute(MESSAGES, {"me": me, "threads": threads, "messages": messages})
        connection.execute(SIDES)
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(index[0].encode())
        connection.execute("VACUUM ANALYZE")


async def measure(calls: Mapping[int, Callable[[], Awaitable[Any]]]) -> dict[int, tuple[float, float]]:
    """p50 and p99 in milliseconds of each, called in turn so that whatever else the machine does troubles all alike."""
    seconds: dict[int, list[float]] = {who: [] for who in calls}
    for _ in range(RUNS):
        for who, call in calls.items():
            started = time.perf_counter()
            answer = await call()
            assert answer.status_code == 200, answer.text
            seconds[who].append(time.perf_counter() - started)
    cuts = {who: statistics.quantiles(taken, n=100) for who, taken in seconds.items()}
    return {who: (cut[49] * 1000, cut[98] * 1000) for who, cut in cuts.items()}


async def report(service: Harness, messages: int) -> list[str]:
    """Prints the figures; what missed its target."""
    missed = []
    pages = {me: -(-messages // threads // 50) for me, threads in THREADS.items()}
    paths = {
        "thread list": "threads",
        "thread list, 10 of a page": "threads?page_size=10",
        "conversation, first page": "threads/10000",
        "conversation, last page": "threads/10000?page={last}",
        "unread count": "unread/count",
        "search, rare words": "search?query=kinematics%20000",
        "search, a word of every message": "search?query=lesson",
        "search, two letters": "search?query=le",
    }
    print(f"{messages:,} messages each; milliseconds through the application, p50 / p99 of {RUNS}")
    for name, path in paths.items():
        calls = {me: partial(service.person(me).get, f"/api/messages/{path.format(last=pages[me])}") for me in THREADS}
        found = await measure(calls)
        few, many = found[FEW], found[MANY]
        figures = f"{few[0]:7.2f} /{few[1]:7.2f}   10,000 threads {many[0]:7.2f} /{many[1]:7.2f}"
        print(f"  {name:26} 10 threads {figures}   ratio of p50 {many[0] / few[0]:.2f}")
        if name == "thread list" and many[0] / few[0] > FLAT:
            missed.append(f"the {name} is not flat: {many[0] / few[0]:.2f}")
    return missed


async def plan(service: Harness) -> None:
    """The plan that is kept for the prepared statement: it does not know whose threads it lists."""
    sql_text = queries.THREADS.replace("%(owner_id)s", "$1").replace("%(limit)s", "$2").replace("%(offset)s", "$3")
    async with service.database.transaction() as tx:
        await tx.run("SET LOCAL plan_cache_mode = force_generic_plan")
        await tx.connection.execute(f"PREPARE list (bigint, bigint, bigint) AS {sql_text}".encode())
        rows = await tx.rows("EXPLAIN (ANALYZE, BUFFERS) EXECUTE list (2, 50, 0)")
        await tx.connection.execute("DEALLOCATE list")
    print("\nPlan of the thread list, here of the person with 10,000 threads:")
    print("\n".join(f"  {row['QUERY PLAN']}" for row in rows))


@contextlib.asynccontextmanager
async def application(url: str, redis_url: str, amqp_url: str) -> AsyncIterator[Harness]:
    values = {"database_url": url, "redis_url": redis_url, "amqp_url": amqp_url, "object_store_url": "memory://"}
    async with running("messaging", **values) as service:
        yield service


async def run(urls: Urls, url: str, messages: int) -> list[str]:
    """Prints what was measured; what missed its target."""
    async with application(url, urls.redis, urls.amqp) as service:
        missed = await report(service, messages)
        await plan(service)
    return missed


def main(messages: int) -> None:
    logs.configure("messaging", "WARNING")
    with servers() as urls, scratch(urls.postgres, "bench_messaging") as url:
        started = time.perf_counter()
        load(url, messages)
        print(f"loaded in {time.perf_counter() - started:.0f} s")
        missed = asyncio.run(run(urls, url, messages))
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    main(parser.parse_args().messages)
