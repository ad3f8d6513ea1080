"""`python -m tests.load.bench_bookings [--sizes 10000 1000000]`: booking, listing and free slots with few and many lessons.

Requests run through the whole application in this process (no network), one after another, so that times compare. Two ratios
matter: many lessons against few, which should stay near 1, and booking against the two bare INSERTs any such service needs."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, LiteralString

import httpx
import psycopg

from deploy.local.databases import scratch
from deploy.local.servers import Urls
from shared import logs, migrations
from tests.harness import Harness, running
from tests.load.servers import servers
from tests.services.bookings.people import in_days

SIZES = (10_000, 1_000_000)
TIMES = 300
BUSY = 1  # the tutor with a full calendar
OLD, PAST = 2, 20_000  # the tutor, and the student, with a past of so many lessons

INTO: LiteralString = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, respond_by,
  moved_by, created_at, updated_at)
"""
SAME: LiteralString = "at, at + interval '1 hour', 'online', %(status)s, 45, 'USD', at, 'system', now(), now()"
FILL: dict[str, LiteralString] = {
    "": """
      INSERT INTO accounts SELECT n, 1, 'Jane', 'Student' || n, NULL, 'UTC', true, false
      FROM generate_series(1, %(size)s / 10) AS n;
      INSERT INTO tutors SELECT n, 10_000_000 + n, 1, 'approved', true, 'John Tutor', 45, 'USD', 'America/New_York',
        '[{"id": 1, "name": "Mathematics"}]', week, '[]'
      FROM generate_series(1, %(size)s / 100) AS n,
        (SELECT jsonb_agg(jsonb_build_object('weekday', d, 'start', '00:00', 'end', '00:00')) AS week
         FROM generate_series(0, 6) AS d) AS calendar
    """,
    "COMPLETED": f"""
      {INTO} SELECT n %% (%(size)s / 10) + 1, n %% (%(size)s / 100) + 1, 10_000_000 + n %% (%(size)s / 100) + 1, {SAME}
      FROM generate_series(1, %(size)s * 9 / 10) AS n, LATERAL (SELECT now() - n * interval '37 seconds' AS at) AS times;
      {INTO} SELECT %(old)s, %(old)s, 10_000_000 + %(old)s, {SAME}
      FROM generate_series(1, %(past)s) AS n, LATERAL (SELECT now() - n * interval '2 hours' AS at) AS times
    """,
    "CONFIRMED": f"""
      {INTO} SELECT n, n %% (%(size)s / 100) + 1, 10_000_000 + n %% (%(size)s / 100) + 1, {SAME}
      FROM generate_series(1, %(size)s / 10) AS n, LATERAL
        (SELECT date_trunc('day', now()) + interval '34 days' + n / (%(size)s / 100) * interval '1 day' AS at) AS times;
      {INTO} SELECT %(busy)s + n, %(busy)s, 10_000_000 + %(busy)s, {SAME}
      FROM generate_series(0, 309) AS n, LATERAL
        (SELECT date_trunc('day', now()) + (2 + n / 10) * interval '1 day' + n %% 10 * interval '2 hours' AS at) AS times
    """,
}
"""Statements, and the status of the lessons they make."""
BARE: LiteralString = f"""
{INTO} SELECT %(student)s, %(tutor)s, 1, {SAME} FROM (SELECT %(at)s::timestamptz AS at) AS times
"""
BARE_EVENT: LiteralString = """
INSERT INTO outbox (event_id, exchange, routing_key, body) VALUES (gen_random_uuid(), 'edustream.events', 'x', %(body)s)
"""
Times = dict[str, list[float]]


@contextmanager
def filled(server_url: str, size: int) -> Iterator[str]:
    """A migrated database with `size` lessons and those of the long past, vacuumed as autovacuum would have it."""
    with scratch(server_url, f"bench_bookings_{size}") as url:
        migrations.upgrade("bookings", url)
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            fill(connection, size)
            connection.execute("VACUUM ANALYZE")
        yield url


def fill(connection: psycopg.Connection, size: int) -> None:
    """Write `size` lessons and those of the long past. The connection renders parameters itself: several statements in one."""
    for status, statement in FILL.items():
        connection.execute(statement, {"size": size, "busy": BUSY, "old": OLD, "past": PAST, "status": status})


async def timed(act: Callable[[int], Awaitable[Any]]) -> list[float]:
    """Milliseconds of each of `TIMES` runs, after some to warm up."""
    found = []
    for n in range(TIMES + 20):
        started = time.perf_counter()
        await act(n)
        found.append((time.perf_counter() - started) * 1000)
    return found[20:]


async def measure(size: int, url: str, urls: Urls) -> Times:
    async with running("bookings", database_url=url, redis_url=urls.redis, amqp_url=urls.amqp) as service:
        tutors, day = size // 100, in_days(2).date()
        range_ = {"start_date": str(day), "end_date": str(day + timedelta(days=30)), "include_unavailable": "true"}
        student, teacher = service.person(BUSY), service.person(10_000_000 + BUSY, "tutor")
        old = service.person(OLD), service.person(10_000_000 + OLD, "tutor")
        booking = await one_of(student)
        return {
            "two bare INSERTs": await timed(lambda n: bare(service, n, tutors)),
            "book": await timed(lambda n: book(service, n, tutors)),
            "book a taken slot": await timed(lambda n: refused(service, n)),
            "list, student": await timed(lambda _: got(student, "/api/bookings")),
            "list, busy tutor, upcoming": await timed(lambda _: got(teacher, "/api/bookings?role=tutor&status=upcoming")),
            "list, old student, upcoming": await timed(lambda _: got(old[0], "/api/bookings?status=upcoming")),
            "list, old tutor, pending": await timed(lambda _: got(old[1], "/api/bookings?role=tutor&status=pending")),
            "one lesson": await timed(lambda _: got(student, f"/api/bookings/{booking}")),
            "31 days of a busy tutor's slots": await timed(
                lambda _: got(student, f"/api/tutors/{BUSY}/available-slots", **range_)
            ),
        }


async def bare(service: Harness, n: int, tutors: int) -> None:
    async with service.database.transaction() as tx:
        await tx.run(
            BARE, status="PENDING", student=20_000_000 + n, tutor=2 + n % (tutors - 2), at=in_days(100 + n % 60, n // 60)
        )
        await tx.run(BARE_EVENT, body=b"x" * 900)


async def book(service: Harness, n: int, tutors: int) -> None:
    body = {"tutor_profile_id": 2 + n % (tutors - 2), "start_at": in_days(20 + n % 10, 2 + n // 20).isoformat(), "subject_id": 1}
    answer = await service.person(500 + n).post("/api/bookings", json=body)
    assert answer.status_code == 201, answer.text


async def refused(service: Harness, n: int) -> None:
    body = {"tutor_profile_id": BUSY, "start_at": in_days(3 + n % 20, 0).isoformat()}
    answer = await service.person(500 + n).post("/api/bookings", json=body)
    assert answer.json()["code"] == "slot_taken", answer.text


async def got(client: httpx.AsyncClient, path: str, **query: str) -> None:
    answer = await client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text


async def one_of(student: httpx.AsyncClient) -> int:
    booking: int = (await student.get("/api/bookings")).json()["bookings"][0]["id"]
    return booking


def show(results: dict[int, Times]) -> None:
    few, many = results.values()
    heads = "".join(f"{f'{size:,} lessons':>18}" for size in results)
    print(f"\nmilliseconds, median (99th percentile) of {TIMES}; the last columns are ratios of medians")
    print(f"{'':34}{heads}{'growth':>12}{'to bare':>10}")
    floor = statistics.median(many["two bare INSERTs"])
    for name, times in many.items():
        cells = [f"{statistics.median(t):8.2f} ({sorted(t)[int(len(t) * 0.99)]:6.2f})" for t in (few[name], times)]
        growth = statistics.median(times) / statistics.median(few[name])
        print(f"{name:34}{cells[0]:>18}{cells[1]:>18}{growth:12.2f}{statistics.median(times) / floor:10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, help="few lessons and many, no fewer than 10,000")
    sizes = parser.parse_args().sizes
    logs.configure("bookings", "WARNING")
    results = {}
    with servers() as urls:
        for size in sizes:
            started = time.monotonic()
            with filled(urls.postgres, size) as url:
                print(f"{size:,} lessons written in {time.monotonic() - started:.0f} s", flush=True)
                results[size] = asyncio.run(measure(size, url, urls))
    show(results)


if __name__ == "__main__":
    main()
