"""`python -m tests.load.bench_profiles_search [--sizes 1000 100000 1000000]`: search among generated tutors.

Requests run through the whole application in this process (no network), the sizes taking turns. What matters
is how medians grow from the smallest to the largest number of tutors: less than 2 for a page with a subject and a rate filter,
less than 5 for text. The plans of the largest are printed; a sequential scan of the catalogue on a filtered page ends the bench.
Uses DATABASE_SERVER_URL, REDIS_URL and AMQP_URL; the databases are made anew and dropped."""

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
from psycopg import sql

from services.profiles.actions.search import cells, variants
from services.profiles.queries import search
from services.profiles.rules.words import query_of, terms_of
from shared import logs, migrations
from shared.db import Tx
from tests.harness import running
from tests.load.bench_profiles_population import FILL, FIRST_NAMES, LAST_NAMES, SUBJECTS, TOPICS, parameters

SIZES = (1_000, 100_000, 1_000_000)
TIMES = 100
TARGETS = {
    "subject and rate": 2.0,
    "text: a full name": 5.0,
    "text: a mistyped name": 5.0,
    "text: two topics": 5.0,
    "text: a subject's name": 5.0,
}
Query = dict[str, Any]
Ask = Callable[[random.Random], Query]


def _between(rng: random.Random) -> Query:
    least = rng.randint(15, 40)
    return {"min_rate": least, "max_rate": least + 25}


def _name(rng: random.Random) -> tuple[str, str]:
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)


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
    "subject, page 100": lambda rng: {"subject_id": rng.randint(1, 40), "page": 100},
    "text: a full name": lambda rng: {"search": " ".join(_name(rng))},
    "text: a mistyped name": lambda rng: {"search": _mistyped(rng)},
    "text: two topics": lambda rng: {"search": " ".join(rng.sample(TOPICS[-200:], 2))},
    "text: two topics, subject": lambda rng: {"search": " ".join(rng.sample(TOPICS[-200:], 2)), "subject_id": rng.randint(1, 40)},
    "text: a subject's name": lambda rng: {"search": rng.choice(SUBJECTS)},
    "text: a subject's name, rate": lambda rng: {"search": rng.choice(SUBJECTS)} | _between(rng),
    "text: a word of everybody": lambda _: {"search": "tutor"},
}
PLANNED = (
    "subject and rate",
    "a rare rate",
    "a rare language",
    "text: a full name",
    "text: two topics, subject",
    "text: a subject's name",
    "everybody",
)


@contextmanager
def filled(size: int) -> Iterator[str]:
    """A migrated database with `size` tutors, vacuumed as autovacuum would have it."""
    server, name = os.environ["DATABASE_SERVER_URL"], f"bench_profiles_{size}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrations.upgrade("profiles", f"{server}/{name}")
            with psycopg.connect(f"{server}/{name}", autocommit=True) as connection:
                connection.execute("SET session_replication_role = replica")  # the counts are summed up once, at the end
                connection.execute("SELECT setseed(0.5)")
                connection.execute("SET maintenance_work_mem = '512MB'")
                with indexed_afterwards(connection):
                    for statement in FILL:
                        psycopg.ClientCursor(connection).execute(statement, parameters(size))
                connection.execute("VACUUM ANALYZE")
            yield f"{server}/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


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


async def measure(urls: dict[int, str]) -> dict[int, dict[str, list[float]]]:
    """Query → milliseconds, for each size. Sizes take turns, so that what else the machine does falls on all alike."""
    servers = {"redis_url": os.environ["REDIS_URL"], "amqp_url": os.environ["AMQP_URL"]}
    async with AsyncExitStack() as stack:
        clients = {
            size: (await stack.enter_async_context(running("profiles", database_url=url, **servers))).client()
            for size, url in urls.items()
        }
        found: dict[int, dict[str, list[float]]] = {size: {name: [] for name in QUERIES} for size in urls}
        for name, ask in QUERIES.items():
            rng = random.Random(7)
            for n in range(TIMES + 20):
                query = ask(rng)
                for size, client in clients.items():
                    taken = await timed(client, query)
                    if n >= 20:
                        found[size][name].append(taken)
        return found


async def timed(client: httpx.AsyncClient, query: Query) -> float:
    started = time.perf_counter()
    answer = await client.get("/api/tutors", params=query)
    taken = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.text
    return taken


async def explain(url: str) -> None:
    """Print how pages and totals are found; a sequential scan of what grows ends the bench."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for name in (name for name in PLANNED if name in QUERIES):
            query = QUERIES[name](random.Random(7))
            values, statements = await _statements(Tx(connection), query)
            for kind, statement in statements.items():
                cursor = await connection.execute(f"EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF) {statement}", values, prepare=False)
                plan = "\n".join(f"    {row[0]}" for row in await cursor.fetchall())
                print(f"\n{name}, {kind}: {query}\n{plan}")
                if query and any(f"Seq Scan on {table} " in plan for table in ("catalogue", "documents", "tutors")):
                    raise SystemExit(f"{name}, {kind}: a sequential scan")


async def _statements(tx: Tx, query: Query) -> tuple[Query, dict[str, str]]:
    """What `actions.search.find` executes for a query."""
    languages = [query["languages"]] if "languages" in query else None
    values: Query = {"subject_id": 0, "min_rate": None, "max_rate": None, "experience_years": None, "limit": 20, "offset": 0}
    values |= query | {"viewer": None, "languages": languages}
    sort = query.get("sort", "rating")
    if "search" not in query:
        values |= cells(values, query.get("languages", ""))
        return values, {"page": search.PAGES[sort], "total": search.TOTAL_BY_COUNTS}
    terms = terms_of(query["search"])
    spelled = await variants(tx, terms)
    values |= {"words": query_of(terms, spelled), "spellings": [*terms, *spelled.get(terms[0], [])], "prefix": terms[0]}
    totals = [search.TOTAL_BY_WORDS, search.TOTAL_BY_TERM, search.TOTAL_BY_WORDS_ALONE]
    return values, {"page": search.PAGES_BY_WORDS[sort], "total": totals[0 if len(query) > 1 else min(len(terms), 2)]}


def show(results: dict[int, dict[str, list[float]]]) -> None:
    sizes = list(results)
    print(f"\nmilliseconds, median (99th percentile) of {TIMES} requests; the last column is the growth of medians")
    print(f"{'':34}" + "".join(f"{size:>20,}" for size in sizes) + f"{'growth':>10}")
    for name in QUERIES:
        times = [results[size][name] for size in sizes]
        cells = [f"{statistics.median(t):8.2f} ({sorted(t)[int(len(t) * 0.99)]:7.2f})" for t in times]
        growth = statistics.median(times[-1]) / statistics.median(times[0])
        verdict = "" if name not in TARGETS else "  ok" if growth < TARGETS[name] else f"  ABOVE {TARGETS[name]}"
        print(f"{name:34}" + "".join(f"{cell:>20}" for cell in cells) + f"{growth:10.2f}{verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", default="", help="those of the queries whose names hold this")
    arguments = parser.parse_args()
    sizes = arguments.sizes
    for name in [name for name in QUERIES if arguments.only not in name]:
        del QUERIES[name]
    logs.configure("profiles", "WARNING")
    urls = {}
    with ExitStack() as stack:
        for size in sizes:
            started = time.monotonic()
            urls[size] = stack.enter_context(filled(size))
            print(f"{size:,} tutors written in {time.monotonic() - started:.0f} s", flush=True)
        results = asyncio.run(measure(urls))
        asyncio.run(explain(urls[max(sizes)]))
    show(results)


if __name__ == "__main__":
    main()
