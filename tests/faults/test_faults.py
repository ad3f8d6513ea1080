"""Processes are killed or held while people use EduStream: it heals alone, and afterwards every book agrees with every other.

The suite has a short form. `make test-faults` runs the long one: so many EDUSTREAM_FAULT_SECONDS of faults, and a run can be
repeated with its EDUSTREAM_FAULT_SEED. Either ends within ten minutes."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from deploy.local.processes import SERVICES, WORKER
from tests.busy import busy
from tests.e2e.conftest import Mailbox
from tests.e2e.people import Person, approved_tutor, registers
from tests.faults import reconcile
from tests.faults.conftest import Launched
from tests.faults.traffic import Attempt, Promises, Teacher, Traffic
from tests.waiting import eventually

WORKERS = tuple(f"{name}{WORKER}" for name in SERVICES)
SHARED = ("gateway", "rabbitmq", "valkey", "postgres")
VICTIMS = (*SERVICES, *WORKERS, *SHARED)
CONSUMERS = ("notifications-worker", "reporting-worker")
LONGEST = 420.0  # seconds of faults: with a start, queues that fill, and the books, that is less than ten minutes
SECONDS = min(float(os.environ.get("EDUSTREAM_FAULT_SECONDS", "0")), LONGEST)
SEED = int(os.environ.get("EDUSTREAM_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RECOVERY = 15.0  # seconds from the end of a fault until everything is answered again
GIVEN_UP = 45.0  # seconds
HEALTH_IS_REMEMBERED = 1.1  # seconds, by the gateway: the first answer may be of before the fault
SLACK = 0.5  # seconds after it: what was under way when everything worked again may still say what it met
CALM = 5.0 if SECONDS else 3.0  # seconds after each fault in which nothing at all may fail
HELD = 20.0 if SECONDS else 6.0  # seconds that a queue fills
HEALING = 60.0  # seconds until what waited has been worked off
PACKAGE = {"name": "Three", "session_count": 3, "price": 100, "duration_minutes": 60, "validity_days": 90}

pytestmark = pytest.mark.timeout(600)


@dataclass
class Fault:
    """`held` seconds by SIGSTOP, or killed if that is 0."""

    victim: str
    held: float
    began: float = 0.0
    ended: float = 0.0
    recovered_at: float = 0.0

    def __str__(self) -> str:
        return f"{self.victim} held for {self.held:.1f} s" if self.held else f"{self.victim} killed"


def plan(random_: random.Random) -> list[Fault]:
    """In the suite: an api, a worker, everything that services share, and one held. The long form: each victim once, then any."""
    service, held = random_.sample(SERVICES, 2)
    if not SECONDS:
        killed = [service, random_.choice(WORKERS), *SHARED]
        random_.shuffle(killed)
        return [*(Fault(victim, 0.0) for victim in killed), Fault(held, 3.0)]
    victims = [*random_.sample(VICTIMS, len(VICTIMS)), *random_.choices(VICTIMS, k=int(SECONDS))]
    return [Fault(victim, random_.choice((0.0, 0.0, random_.uniform(2, 8)))) for victim in victims]


def filling(random_: random.Random) -> list[Fault]:
    """A consumer is held while the others go on: its queue fills. In the suite one, in the long form each."""
    return [Fault(name, HELD) for name in (CONSUMERS if SECONDS else random_.sample(CONSUMERS, 1))]


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
    await eventually(launched.is_healthy, GIVEN_UP)
    await asyncio.sleep(HEALTH_IS_REMEMBERED)
    await eventually(launched.is_healthy, GIVEN_UP)
    back = time.monotonic()
    await eventually(lambda: _is(made.fine_since(back)), GIVEN_UP)
    fault.recovered_at = time.monotonic()


def of_fault(fault: Fault, attempts: list[Attempt]) -> list[Attempt]:
    """What was under way in its window."""
    return [a for a in attempts if fault.began <= a.ended and a.began <= fault.recovered_at + SLACK]


def recovery(fault: Fault, made: Traffic) -> dict[str, float]:
    """Seconds from the end of the fault to the first good answer after the last bad one, for each thing that suffered."""
    found = {}
    for kind in made.counts():
        tried = [a for a in of_fault(fault, made.attempts) if a.kind == kind]
        bad = [a.ended for a in tried if a.suffered]
        if bad:
            good = [a.ended for a in tried if a.ended >= max(bad) and not a.failed]
            found[kind] = min(good, default=fault.recovered_at) - fault.ended
    return found


def report(faults: list[Fault], made: Traffic) -> float:
    """Print what each fault did; the longest recovery."""
    print(f"\nseed {SEED}; load {os.getloadavg()[0]:.1f}; {len(made.attempts)} requests: {dict(made.counts())}")
    longest = 0.0
    for fault in faults:
        failed = sum(a.failed for a in of_fault(fault, made.attempts))
        times = recovery(fault, made)
        worst = max(times.values(), default=0.0)
        longest = max(longest, worst)
        print(f"  {fault!s:36} recovered in {worst:5.1f} s, {failed:4} failed; suffered: {', '.join(sorted(times)) or 'nothing'}")
    return longest


def unexplained(faults: list[Fault], attempts: list[Attempt]) -> list[str]:
    """Failures at a time when nothing was wrong."""
    explained = {id(a) for fault in faults for a in of_fault(fault, attempts)}
    return [f"{a.kind} {a.status}" for a in attempts if a.failed and id(a) not in explained]


async def test_whatever_fails_nothing_promised_is_lost_and_everything_happens_once(
    launched: Launched, administrator: Person, promises: Promises, mailbox: Mailbox
) -> None:
    random_, done = random.Random(SEED), []
    slower = busy()
    print(f"\nseed {SEED}; work takes {slower:.1f} times as long as alone")
    limit = time.monotonic() + SECONDS
    async with traffic(launched, administrator, promises) as made:
        for fault in (*plan(random_), *filling(random_)):
            if SECONDS and time.monotonic() > limit and fault.held != HELD:
                continue
            done.append(fault)
            await suffer(fault, launched, made)
            await asyncio.sleep(CALM)
    longest = report(done, made)

    assert made.surprises == []
    assert unexplained(done, made.attempts) == []
    assert longest < RECOVERY * max(slower, busy())
    await reconciles(launched, administrator, made, mailbox, len(done))


def test_a_failure_in_the_calm_after_a_fault_is_not_explained_by_it() -> None:
    fault = Fault("auth", 0.0, began=100.0, ended=100.1, recovered_at=103.0)
    attempts = [Attempt("me", 99.0, 100.05, 503), Attempt("me", 102.9, 108.0, 503), Attempt("me", 104.0, 104.1, 500)]

    assert unexplained([fault], attempts) == ["me 500"]


async def reconciles(launched: Launched, administrator: Person, made: Traffic, mailbox: Mailbox, faults: int) -> None:
    books = reconcile.Books(launched.urls())
    await eventually(books.quiet, HEALING)
    said = await books.said()
    reconcile.promises_are_kept(books, made.promises)
    reconcile.nothing_was_done_twice(books, made.promises)
    reconcile.credits_add_up(books)
    reconcile.money_adds_up(books)
    reconcile.letters_left_once(books, mailbox, faults)
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
