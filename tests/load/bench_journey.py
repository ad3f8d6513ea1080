"""`make bench`: what people do all day, through the gateway, on two cores with everything on them, wrk too.

python -m tests.load.bench_journey [--seconds 5] [--sizes 1000 100000] [--connections 32]

Prints the mixed journey (70 % reads), then each route by itself: requests per second against what is wanted, latencies, CPU of
each process, and how it compares with the same SQL run bare by pgbench, and with an empty FastAPI route. The embedded servers are
set up as those of tests: PostgreSQL does not wait for the disk. Needs wrk; pgbench comes with the embedded PostgreSQL."""

import argparse
import asyncio
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psycopg

from deploy.local import ports
from deploy.local.processes import GATEWAY, SERVICES
from deploy.local.program import answers_200
from deploy.local.secrets import load_or_create
from deploy.local.servers import Instance, Urls
from deploy.local.servers.postgres import binary
from deploy.local.settings import ROOT, Settings
from deploy.local.suite import Suite
from services.auth.keys import SigningKey
from tests.load.bench_journey_data import prepare
from tests.load.bench_journey_routes import FIRST_DAY, ROUTES, SCRIPT, STUDENTS, Route, statements

CORES = {0, 1}
IDLE = 0.1  # seconds of CPU in half a second, of all together
MOST_REFUSED = 0.01
START = 30.0  # seconds for a server to answer
TICK = os.sysconf("SC_CLK_TCK")
UNLIMITED = {f"EDUSTREAM_RATE_LIMIT_{name}": "off" for name in ("REGISTER", "LOGIN", "DEFAULT")}


@dataclass
class Run:
    """What one load came to: `rate`, and `times` of each route in milliseconds, of what was done; `cpu` of each process in
    milliseconds per request."""

    rate: float
    cpu: dict[str, float]
    times: dict[str, list[float]]
    refused: Counter[str]
    asked: Counter[str]

    @classmethod
    def of(cls, lines: Iterable[str], took: float, cpu: dict[str, float]) -> Self:
        """From what wrk wrote down: route, status and microseconds of each answer; `cpu` in seconds."""
        times: dict[str, list[float]] = defaultdict(list)
        refused: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        for line in lines:
            kind, status, micros = line.split()
            asked[kind] += 1
            if status in ("200", "201"):
                times[kind].append(float(micros) / 1000)
            else:
                refused[f"{kind} {status}"] += 1
        per_request = {name: spent * 1000 / (asked.total() or 1) for name, spent in cpu.items()}
        return cls(sum(map(len, times.values())) / took, per_request, times, refused, asked)

    @property
    def fails(self) -> bool:
        """Refusals are quick: a load with more than a few of them measured something else."""
        return self.refused.total() > MOST_REFUSED * self.asked.total()


class Bench:
    """The suite under load."""

    def __init__(self, suite: Suite, instance: Instance, folder: Path, options: argparse.Namespace, tutors: int) -> None:
        self._suite, self._instance, self._folder, self._options, self._tutors = suite, instance, folder, options, tutors
        self._number = self._booked = 0
        self.fails: list[str] = []
        key = SigningKey(load_or_create(suite.deployment.directory / "secrets.json", ()).jwt_private_key)
        now, hours = datetime.now(UTC), timedelta(hours=3)
        tokens = [key.sign(student, "student", 1, "bench", now, hours) for student in range(1, STUDENTS + 1)]
        (folder / "tokens").write_text("\n".join(tokens))

    async def load(self, routes: tuple[Route, ...], seconds: float | None = None) -> Run:
        """wrk, with as many of each route as its share says."""
        out, script = self._folder / "out", self._folder / "script.lua"
        out.write_text("")
        drawn = ", ".join(f'"{route.kind}"' for route in routes for _ in range(route.share))
        values = {"tokens": self._folder / "tokens", "out": out, "drawn": drawn, "tutors": self._tutors}
        script.write_text(SCRIPT % {**values, "number": self._number, "booked": self._booked, "first": FIRST_DAY.timestamp()})
        await self._settle()
        began, before = time.monotonic(), self._cpu()
        # On a thread: this process reads what the others log, and they stand still when nobody does.
        await asyncio.to_thread(wrk, self._suite.gateway_url, seconds or self._options.seconds, self._options.connections, script)
        took, after = time.monotonic() - began, self._cpu()
        run = Run.of(out.read_text().splitlines(), took, {name: after[name] - before[name] for name in after})
        self._number += run.asked.total() + 1000
        self._booked += run.asked["book"] + 2 * self._options.connections  # those still under way when the time was up
        return run

    async def _settle(self) -> None:
        """Wait until the events of the load before have been worked off: nobody does much any more."""
        limit, before = time.monotonic() + 60, float("-inf")
        while sum(self._cpu().values()) - before > IDLE and time.monotonic() < limit:
            before = sum(self._cpu().values())
            await asyncio.sleep(0.5)

    def _cpu(self) -> dict[str, float]:
        """Seconds that each process and its children have had so far."""
        pids = {name: self._suite.pid(name) for name in (GATEWAY, *SERVICES)}
        pids |= {name: pid for name in ("postgres", "rabbitmq", "valkey") if (pid := self._instance.registry.pid(name))}
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {name: _spent(pid) for name, pid in pids.items()} | {"wrk": used.ru_utime + used.ru_stime}


def wrk(url: str, seconds: float, connections: int, script: Path | None = None) -> float:
    """Requests per second."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout",
        "10s",
        *(["-s", str(script)] if script else []),
        url,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if not found or not float(found[1]):
        sys.exit(f"wrk got no answers:\n{said}")
    return float(found[1])


def pgbench(url: str, script: str, seconds: float, folder: Path) -> float:
    """Runs of the script per second, over as many connections as a service has."""
    file = folder / "pgbench.sql"
    file.write_text(script)
    command = [
        str(binary("pgbench")),
        "-n",
        "-c10",
        "-j1",
        f"-T{max(1, round(seconds))}",
        "-Mprepared",
        "-f",
        str(file),
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found or "aborted" in done.stderr:
        sys.exit(f"pgbench: {done.stderr[-600:]}")
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE outbox")  # or the suite would begin with thousands of events to tell
    return float(found[1])


def empty(seconds: float, connections: int) -> float:
    """Requests per second of a FastAPI route that does nothing, on a server like that of the services."""
    port = ports.choose()
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    command = [sys.executable, "-m", "uvicorn", "tests.load.bench_journey_empty:app", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=ROOT) as server:
        try:
            limit = time.monotonic() + START
            while not answers_200(port, "/"):
                if server.poll() is not None or time.monotonic() > limit:
                    sys.exit(f"the empty route did not answer within {START:.0f} s")
                time.sleep(0.05)
            return wrk(f"http://127.0.0.1:{port}/", seconds, connections)
        finally:
            server.terminate()


def _spent(pid: int) -> float:
    """Of a process and of all that came from it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended, and counts as its parent's from now on
        return 0.0
    return sum(map(int, fields[11:15])) / TICK + sum(_spent(int(child)) for child in children)


def show(bench: Bench, name: str, run: Run) -> None:
    busy = sorted(((spent, process) for process, spent in run.cpu.items() if spent >= 0.005), reverse=True)
    print(f"    CPU ms per request: {', '.join(f'{process} {spent:.2f}' for spent, process in busy)}")
    if run.refused:
        print(f"    not done: {dict(run.refused)}")
    if run.fails:
        bench.fails.append(name)


def percentiles(times: list[float]) -> str:
    ordered = sorted(times)
    return (
        f"p50 {statistics.median(ordered):7.1f} ms  p99 {ordered[int(len(ordered) * 0.99)]:7.1f} ms" if ordered else "no answers"
    )


async def mixed(bench: Bench) -> None:
    run = await bench.load(ROUTES)
    print(f"  mixed journey: {run.rate:,.0f} requests/s")
    for route in ROUTES:
        print(f"    {route.name:28} {percentiles(run.times[route.kind])}")
    show(bench, "the mixed journey", run)


async def alone(bench: Bench, route: Route, bare: float, nothing: float) -> None:
    run = await bench.load((route,))
    wanted = f"wanted {route.wanted:,}: {run.rate / route.wanted:.2f}" if route.wanted else ""
    print(f"  {route.name:26} {run.rate:7,.0f}/s  {percentiles(run.times[route.kind])}  {wanted}")
    against = f"its SQL bare ({bare:,.0f}/s) {run.rate / bare:.2f}, an empty route ({nothing:,.0f}/s) {run.rate / nothing:.2f}"
    print(f"    ratio to {against}")
    show(bench, route.name, run)


async def measure(instance: Instance, urls: Urls, size: int, options: argparse.Namespace, nothing: float) -> list[str]:
    databases = prepare(urls.postgres, size)
    amqp = f"{urls.amqp.rsplit('/', 1)[0]}/{instance.rabbitmq.new_vhost('bench')}"
    print(f"\n{size:,} rows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = {}
        for route in ROUTES:
            script = await statements(route, databases[route.service], Urls(urls.postgres, urls.redis, amqp))
            bare[route.kind] = pgbench(databases[route.service], script, options.seconds / 2, folder)
        async with Suite.on(folder / "suite", databases, urls.redis, amqp, **UNLIMITED) as suite:
            bench = Bench(suite, instance, folder, options, max(1, size // 100 - 2))
            await bench.load(ROUTES, 2)  # connections, plans and caches
            await mixed(bench)
            for route in ROUTES:
                await alone(bench, route, bare[route.kind], nothing)
            return [f"{name}, {size:,} rows" for name in bench.fails]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk, which is not on this machine: install it (Debian's package wrk).")
    os.sched_setaffinity(0, CORES & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    instance = Instance("bench", Settings.load(dotenv=False))
    with instance.session() as urls:
        nothing = empty(options.seconds, options.connections)
        fails = [name for size in options.sizes for name in asyncio.run(measure(instance, urls, size, options, nothing))]
    if fails:
        sys.exit(f"More than {MOST_REFUSED:.0%} was refused or failed, so these were not measured: {'; '.join(fails)}")


if __name__ == "__main__":
    main()
