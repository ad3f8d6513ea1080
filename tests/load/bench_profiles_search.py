"""`python -m tests.load.bench_profiles_search [--sizes 1000 100000 1000000]`: search among generated tutors.

Requests run through the whole application in this process (no network), the sizes taking turns. What matters is how medians grow
from the smallest to the largest number of tutors: less than 2 for filters, less than 5 for text, and less than 2.5 where an empty
page becomes a full one. Where one grows more, or the largest number's plans read a whole table to filter it, the bench says so
and fails. `--plans` shows them all."""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
from psycopg import sql

from deploy.local.databases import scratch
from deploy.local.servers import Urls
from services.profiles.actions import kept
from services.profiles.actions.search import Criteria, choose
from services.profiles.jobs import count_common_words, fold_counts
from services.profiles.queries.tutors import CARDS
from shared import logs, migrations
from shared.db import Database, Tx
from shared.service import find
from shared.worker import Runtime
from tests.harness import running, settings_of
from tests.load.bench_profiles_population import FILL, FIRST_NAMES, LAST_NAMES, SUBJECTS, TOPICS, parameters
from tests.load.servers import servers

SIZES = (1_000, 100_000, 1_000_000)
TIMES = 100
MOST_GROWTH, MOST_GROWTH_OF_TEXT = 2.0, 5.0
INCOMPARABLE = {"subject, page 100"}  # a thousand tutors have no such page
RARE = {"a rare language", "rate in a rare currency"}  # a page of nobody, of a thousand, and of twenty, of a million
MOST_GROWTH_OF_CARDS = 2.5
GROWING = ("catalogue", "documents", "tutors", "accounts")
Query = dict[str, Any]
Ask = Callable[[random.Random], Query]


def _between(rng: random.Random) -> Query:
    least = rng.randint(15, 40)
    return {"min_rate": least, "max_rate": least + 25}


def _name(rng: random.Random) -> tuple[str, str]:
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES[:1000])  # that a thousand tutors have, too


def _topics(rng: random.Random, first: int, last: int) -> str:
    return " ".join(rng.sample(TOPICS[first:last], 2))


def _mistyped(rng: random.Random) -> str:
    first, last = _name(rng)
    place = rng.randint(2, len(last) - 2)
    return f"{first} {last[:place]}{last[place + 1 :]}"


QUERIES: dict[str, Ask] = {
    "everybody": lambda _: {},
    "subject and rate": lambda rng: {"subject_id": rng.randint(1, 40)} | _between(rng),
    "subject and rate, cheapest": lambda rng: {"subject_id": rng.randint(1, 40), "sort": "rate"} | _between(rng),
    "subject and rate, dearest": lambda rng: {"subject_id": rng.randint(1, 40), "sort": "-rate"} | _between(rng),
    "subject, rate, most experienced": lambda rng: {"subject_id": rng.randint(1, 40), "sort": "experience"} | _between(rng),
    "a rare rate": lambda rng: {"subject_id": rng.randint(1, 40), "min_rate": 117, "max_rate": 118},
    "rate": _between,
    "experience": lambda rng: {"experience_years": rng.randint(1, 30)},
    "a common language": lambda _: {"languages": "en"},
    "a rare language": lambda rng: {"languages": rng.choice(["mt", "is", "cy"])},
    "subject, rate and language": lambda rng: {"subject_id": rng.randint(1, 40), "languages": "en"} | _between(rng),
    "two languages": lambda rng: {"languages": "es,fr", "subject_id": rng.randint(1, 40)} | _between(rng),
    "rate in a common currency": lambda rng: {"currency": "USD"} | _between(rng),
    "rate in a rare currency": lambda rng: {"currency": "INR"} | _between(rng),
    "subject, currency and language": lambda rng: {"subject_id": rng.randint(1, 40), "currency": "EUR", "languages": "en"},
    "subject, page 100": lambda rng: {"subject_id": rng.randint(1, 40), "page": 100},
    "text: a full name": lambda rng: {"search": " ".join(_name(rng))},
    "text: a mistyped name": lambda rng: {"search": _mistyped(rng)},
    "text: two topics": lambda rng: {"search": _topics(rng, 1000, 1200)},
    "text: two topics, subject": lambda rng: {"search": _topics(rng, 1000, 1200), "subject_id": rng.randint(1, 40)},
    "text: two common words": lambda rng: {"search": _topics(rng, 0, 10)},
    "text: two common words, subject": lambda rng: {"search": _topics(rng, 0, 10), "subject_id": rng.randint(1, 40)},
    "text: two letters": lambda rng: {"search": rng.choice(TOPICS)[:2]},
    "text: three letters": lambda rng: {"search": rng.choice(TOPICS)[:3]},
    "text: symbols": lambda _: {"search": "c++"},
    "text: a subject's name": lambda rng: {"search": rng.choice(SUBJECTS)},
    "text: a subject's name, rate": lambda rng: {"search": rng.choice(SUBJECTS)} | _between(rng),
    "text: a word of everybody": lambda _: {"search": "tutor"},
}


@contextmanager
def filled(backing: Urls, size: int) -> Iterator[str]:
    """A migrated database with `size` tutors, vacuumed as autovacuum would have it."""
    with scratch(backing.postgres, f"bench_profiles_{size}") as url:
        migrations.upgrade("profiles", url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # the counts are summed up once, at the end
            connection.execute("SELECT setseed(0.5)")
            connection.execute("SET maintenance_work_mem = '512MB'")
            connection.execute("SET work_mem = '512MB'")
            with indexed_afterwards(connection):
                for statement in FILL:
                    psycopg.ClientCursor(connection).execute(statement, parameters(size))
            asyncio.run(count_words(url, backing))
            connection.execute("VACUUM ANALYZE")
        yield url


async def count_words(url: str, backing: Urls) -> None:
    """As the worker would have by then."""
    settings = settings_of(find("profiles"), database_url=url, redis_url=backing.redis, amqp_url=backing.amqp)
    database = Database(url)
    await database.open()
    runtime = Runtime(settings, database)
    await count_common_words(runtime)
    await fold_counts(runtime)
    await database.close()


@contextmanager
def indexed_afterwards(connection: psycopg.Connection) -> Iterator[None]:
    """Search's indexes are dropped, and made anew at the end: much faster than adding a million rows to each."""
    find = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('catalogue', 'documents') AND indexname NOT LIKE '%pkey'"
    )
    indexes = connection.execute(find).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in indexes:
        connection.execute(definition)


async def measure(urls: dict[int, str], backing: Urls) -> list[str]:
    """Print milliseconds for each query and size; what grows too much, or was not answered. Sizes take turns, so that what else
    the machine does falls on all alike."""
    others = {"redis_url": backing.redis, "amqp_url": backing.amqp}
    kept.MOST_BYTES = 0  # finding is measured, not what was found before
    print(f"\nmilliseconds, median (99th percentile) of {TIMES} requests; the last column is the growth of medians")
    print(f"{'':34}" + "".join(f"{size:>20,}" for size in urls) + f"{'growth':>10}", flush=True)
    wrong = []
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(running("profiles", database_url=url, **others)) for url in urls.values()]
        clients = [service.client() for service in services]
        for name, ask in QUERIES.items():
            rng = random.Random(7)
            try:
                rounds = [[await timed(client, query) for client in clients] for query in (ask(rng) for _ in range(TIMES + 20))]
            except NotAnsweredError as error:
                wrong.append(f"{name}: {error}")
                print(wrong[-1], flush=True)
            else:
                wrong += show(name, list(zip(*rounds[20:], strict=True)))
    return wrong


class NotAnsweredError(Exception):
    """The service refused a search."""


async def timed(client: httpx.AsyncClient, query: Query) -> float:
    started = time.perf_counter()
    answer = await client.get("/api/tutors", params=query)
    taken = (time.perf_counter() - started) * 1000
    if answer.status_code != 200:
        raise NotAnsweredError(f"{query} was answered {answer.status_code} after {taken:,.0f} ms")
    return taken


async def explain(url: str, show_all: bool) -> list[str]:
    """What reads through a table that grows, to find or to count those who meet a filter."""
    wrong = []
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for name, ask in QUERIES.items():
            query = ask(random.Random(7))
            for kind, plan in (await plans(connection, query)).items():
                reads_all = query and any(f"Seq Scan on {table} " in plan for table in GROWING)
                if reads_all:
                    wrong.append(f"{name}, {kind}: a sequential scan")
                if reads_all or show_all:
                    print(f"\n{name}, {kind}: {query}\n{plan}")
    return wrong


async def plans(connection: psycopg.AsyncConnection, query: Query) -> dict[str, str]:
    """How the statements that `actions.search` chooses for a query are executed."""
    criteria = {name: value for name, value in query.items() if name != "page"}
    if "languages" in criteria:
        criteria["languages"] = tuple(criteria["languages"].split(","))
    chosen = await choose(Tx(connection), Criteria(**criteria))
    assert chosen is not None
    values = chosen.values | {"viewer": None, "limit": 20, "offset": 20 * (query.get("page", 1) - 1)}
    ids, *_ = await (await connection.execute(chosen.statement, values, prepare=False)).fetchone() or ([],)
    found = {}
    for kind, statement in (("page and total", chosen.statement), ("cards", CARDS)):
        explain = f"EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF) {statement}"
        cursor = await connection.execute(explain, values | {"ids": ids}, prepare=False)
        found[kind] = "\n".join(f"    {row[0]}" for row in await cursor.fetchall())
    return found


def show(name: str, times: list[tuple[float, ...]]) -> list[str]:
    """Print a query's times, one tuple for each size; whether it grows too much."""
    cells = [f"{statistics.median(t):8.2f} ({sorted(t)[int(len(t) * 0.99)]:7.2f})" for t in times]
    growth = statistics.median(times[-1]) / statistics.median(times[0])
    most = MOST_GROWTH_OF_TEXT if name.startswith("text") else MOST_GROWTH_OF_CARDS if name in RARE else MOST_GROWTH
    is_wrong = growth >= most and name not in INCOMPARABLE
    verdict = f"  ABOVE {most}" if is_wrong else "" if name in INCOMPARABLE else "  ok"
    print(f"{name:34}" + "".join(f"{cell:>20}" for cell in cells) + f"{growth:10.2f}{verdict}", flush=True)
    return [f"{name}: grows {growth:.2f} times, at most {most} is meant"] if is_wrong else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", default="", help="those of the queries whose names hold this")
    parser.add_argument("--plans", action="store_true", help="print every plan, not only those that are wrong")
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    for name in [name for name in QUERIES if arguments.only not in name]:
        del QUERIES[name]
    logs.configure("profiles", "WARNING")
    urls = {}
    with servers() as backing, ExitStack() as stack:
        for size in sizes:
            started = time.monotonic()
            urls[size] = stack.enter_context(filled(backing, size))
            print(f"{size:,} tutors written in {time.monotonic() - started:.0f} s", flush=True)
        wrong = asyncio.run(measure(urls, backing))
        wrong += asyncio.run(explain(urls[sizes[-1]], arguments.plans))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
