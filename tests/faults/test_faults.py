"""Processes are killed or held while people use EduStream: it heals alone, and afterwards every book agrees with every other.

The suite has a short form. `make test-faults` runs the long one: so many EDUSTREAM_FAULT_SECONDS of faults, and a run can be
repeated with its EDUSTREAM_FAULT_SEED. Services run api and worker in one process, as `make run` has them."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from deploy.local.processes import SERVICES
from tests.e2e.people import Person, approved_tutor, registers
from tests.faults import reconcile
from tests.faults.conftest import Launched
from tests.faults.traffic import Promises, Teacher, Traffic
from tests.waiting import eventually

VICTIMS = (*SERVICES, "gateway", "rabbitmq", "valkey", "postgres")
SECONDS = float(os.environ.get("EDUSTREAM_FAULT_SECONDS", "0"))
SEED = int(os.environ.get("EDUSTREAM_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
# Seconds until everything is answered again. Most of it is the start of a process, so a machine that is busy with the rest of the
# suite is given more.
RECOVERY = 15.0 if SECONDS else 30.0
HEALTH_IS_REMEMBERED = 1.1  # seconds, by the gateway: the first answer may be of before the fault
HEALING = 60.0  # seconds until what waited has been worked off
PACKAGE = {"name": "Three", "session_count": 3, "price": 100, "duration_minutes": 60, "validity_days": 90}

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]


@dataclass
class Fault:
    """`held` seconds by SIGSTOP, or killed if that is 0."""

    victim: str
    held: float
    began: float = 0.0
    ended: float = 0.0

    def __str__(self) -> str:
        return f"{self.victim} held for {self.held:.1f} s" if self.held else f"{self.victim} killed"


def plan(random_: random.Random) -> list[Fault]:
    """In the suite: one service, everything that services share, and one held. The long form: each victim once, then any."""
    service, held = random_.sample(SERVICES, 2)
    if not SECONDS:
        killed = [service, *VICTIMS[len(SERVICES) :]]
        random_.shuffle(killed)
        return [*(Fault(victim, 0.0) for victim in killed), Fault(held, 3.0)]
    victims = [*random_.sample(VICTIMS, len(VICTIMS)), *random_.choices(VICTIMS, k=int(SECONDS))]
    return [Fault(victim, random_.choice((0.0, 0.0, random_.uniform(2, 8)))) for victim in victims]


@pytest.fixture(scope="session")
def promises() -> Promises:
    """Everything promised since the databases were made: each test reconciles all of it."""
    return Promises()


@asynccontextmanager
async def traffic(launched: Launched, administrator: Person, promises: Promises) -> AsyncIterator[Traffic]:
    """Four students and two tutors, at it until the block ends."""
    teachers = []
    for _ in range(2):
        tutor, tutor_id = await approved_tutor(launched.gateway, administrator)
        package = await tutor.call("POST", "/api/packages", 201, json=PACKAGE)
        teachers.append(Teacher(tutor, tutor_id, package["id"]))
    students = [await registers(launched.gateway) for _ in range(4)]
    made = Traffic(students, teachers, administrator, promises, SEED)
    running = asyncio.create_task(made.run())
    try:
        await eventually(lambda: _is(made.fine_since(0)), 30)
        yield made
    finally:
        made.stop()
        await running


async def suffer(fault: Fault, launched: Launched, made: Traffic) -> None:
    """Have it happen, and wait until everything that people do works again."""
    fault.began = fault.ended = time.monotonic()
    if fault.held:
        with launched.holding(fault.victim):
            await asyncio.sleep(fault.held)
        fault.ended = time.monotonic()
    else:
        await launched.kill(fault.victim)
    await eventually(launched.is_healthy, 2 * RECOVERY)
    await asyncio.sleep(HEALTH_IS_REMEMBERED)
    await eventually(launched.is_healthy, 2 * RECOVERY)
    back = time.monotonic()
    await eventually(lambda: _is(made.fine_since(back)), 2 * RECOVERY)


def recovery(fault: Fault, until: float, made: Traffic) -> dict[str, float]:
    """Seconds from the end of the fault to the first good answer after the last bad one, for each thing that suffered."""
    found = {}
    for kind in made.counts():
        tried = [a for a in made.attempts if a.kind == kind and fault.began <= a.ended < until]
        bad = [a.ended for a in tried if a.suffered]
        if bad:
            good = [a.ended for a in tried if a.ended >= max(bad) and not a.failed]
            found[kind] = min(good, default=until) - fault.ended
    return found


def report(faults: list[Fault], made: Traffic) -> float:
    """Print what each fault did; the longest recovery."""
    print(f"\nseed {SEED}; load {os.getloadavg()[0]:.1f}; {len(made.attempts)} requests: {dict(made.counts())}")
    longest = 0.0
    for fault, following in zip(faults, [*faults[1:], None], strict=True):
        until = following.began if following else time.monotonic()
        failed = sum(a.failed and fault.began <= a.ended < until for a in made.attempts)
        times = recovery(fault, until, made)
        worst = max(times.values(), default=0.0)
        longest = max(longest, worst)
        print(f"  {fault!s:36} recovered in {worst:5.1f} s, {failed:4} failed; suffered: {', '.join(sorted(times)) or 'nothing'}")
    return longest


def unexplained(faults: list[Fault], made: Traffic) -> list[str]:
    """Failures at a time when nothing was wrong."""
    windows = [(fault.began, fault.ended + RECOVERY) for fault in faults]
    return [
        f"{a.kind} {a.status}" for a in made.attempts if a.failed and not any(began <= a.ended <= end for began, end in windows)
    ]


async def test_whatever_fails_nothing_promised_is_lost_and_everything_happens_once(
    launched: Launched, administrator: Person, promises: Promises
) -> None:
    random_, done = random.Random(SEED), []
    print(f"\nseed {SEED}")
    limit = time.monotonic() + SECONDS
    async with traffic(launched, administrator, promises) as made:
        for fault in plan(random_):
            if SECONDS and time.monotonic() > limit:
                break
            done.append(fault)
            await suffer(fault, launched, made)
            await asyncio.sleep(random_.uniform(0, 3) if SECONDS else 0)
    longest = report(done, made)

    assert made.surprises == []
    assert unexplained(done, made) == []
    assert longest < RECOVERY
    await reconciles(launched, administrator, made)


@pytest.mark.skipif(not SECONDS, reason="part of the long form")
@pytest.mark.parametrize("consumer", ["notifications", "reporting"])
async def test_a_queue_that_filled_while_its_consumer_was_held_is_worked_off(
    launched: Launched, administrator: Person, promises: Promises, consumer: str
) -> None:
    async with traffic(launched, administrator, promises) as made:
        fault = Fault(consumer, 20.0)
        await suffer(fault, launched, made)
    assert report([fault], made) < RECOVERY

    assert made.surprises == []
    await reconciles(launched, administrator, made)


async def reconciles(launched: Launched, administrator: Person, made: Traffic) -> None:
    books = reconcile.Books(launched.urls())
    await eventually(books.quiet, HEALING)
    said = await books.said()
    reconcile.promises_are_kept(books, made.promises)
    reconcile.nothing_was_done_twice(books, made.promises)
    reconcile.credits_add_up(books)
    reconcile.everything_was_said_once(books, said)
    reconcile.everything_was_heard_once(books, said)
    reconcile.everybody_was_told_once(books, said)
    assert await books.dead() == {}

    async def agrees() -> bool:
        found = await administrator.get("/api/health/integrity")
        return bool(found["status"] == "healthy")

    await eventually(agrees, HEALING)
    stats = await administrator.get("/api/admin/dashboard/stats")
    assert stats["total_bookings"] == len(books.rows("bookings", "SELECT id FROM bookings"))


async def _is(found: bool) -> bool:
    return found
