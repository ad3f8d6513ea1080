"""`make bench-gateway`: the gateway beside the proxies an operator would pick, each on the same core in turn.

python -m tests.load.bench_gateway [--rounds 5] [--seconds 3]   ratios of requests per second, and added latency at half load
python -m tests.load.bench_gateway --memory                     memory over 10^6 requests, 10^5 tokens and 10^5 addresses

Ends with 1 when a target is missed.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway.keys import token
from tests.holding import held
from tests.load.bench_gateway_contenders import NO_LOG, OTHER_CPU, PATHS, Contender, contenders

CONNECTIONS = 32
REQUESTS, TOKENS = 1_000_000, 100_000
WARM = 250_000  # requests, after which everything that is remembered has been forgotten once
GROWTH = 16.0  # MiB that the gateway may grow after that
AGAINST = ("HAProxy, HS256", "HAProxy, ES256", "nginx, plain", "FastAPI + httpx")
ASKED = {  # the least ratio; like is compared with like: a line in the access log costs each of them a tenth
    ("gateway", "HAProxy, HS256"): 0.40,
    (f"gateway{NO_LOG}", f"HAProxy, HS256{NO_LOG}"): 0.40,
    ("gateway", "FastAPI + httpx"): 40.0,
}
LATENCY = 2.0  # milliseconds that 99 of 100 requests may take longer, at most
TRIES = 5  # at a run in which the machine's host takes nothing
POST = """
wrk.method = "POST"
wrk.path = "/api/bookings"
wrk.body = '{"tutor_profile_id": 5, "start_at": "2027-01-25T14:00:00Z", "duration_minutes": 60, "lesson_type": "online"}'
wrk.headers["Content-Type"] = "application/json"
"""
MANY = """
local bearers = {}
for line in io.lines("%s") do bearers[#bearers + 1] = "Bearer " .. line end
local n = %d
request = function()
  n = n + 1
  local headers = {}
  if n %% 2 == 0 then headers["Authorization"] = bearers[math.floor(n / 10) %% #bearers + 1]
  else headers["X-Forwarded-For"] = string.format("10.%%d.%%d.%%d", n / 65536 %% 4, n / 256 %% 256, n %% 256) end
  return wrk.format("GET", "/api/tutors", headers)
end
"""
Rates = dict[str, list[float]]


def wrk(contender: Contender, seconds: int, script: Path | None = None) -> tuple[float, int]:
    """Requests per second, and in all; anything but good answers ends the bench."""
    command = ["taskset", "-c", OTHER_CPU, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}"]
    command += ["-s", str(script)] if script else []
    command += ["-H", f"Authorization: Bearer {contender.token}", f"http://127.0.0.1:{contender.port}/api/tutors"]
    said = subprocess.run(command, env=PATHS, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in .*Requests/sec:\s+([\d.]+)", said, re.DOTALL)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{contender.name} failed requests:\n{said}")
    return float(found[2]), int(found[1])


@contextmanager
def alone(contender: Contender, running: list[Contender]) -> Iterator[None]:
    """Nobody else does anything on its core: without requests, too, a proxy looks after its time limits and connections. It was
    held itself until now, so it finds many of them at their end: it has a second of work to put that in order."""
    with held(other.pid for other in running if other is not contender):
        wrk(contender, 1)
        yield


def race(running: list[Contender], rounds: int, seconds: int, script: Path | None) -> Rates:
    rates: Rates = {contender.name: [] for contender in running}
    for contender in running:
        wrk(contender, 1, script)
    for number in range(rounds):
        for contender in running[number % len(running) :] + running[: number % len(running)]:
            with alone(contender, running):
                rates[contender.name].append(wrk(contender, seconds, script)[0])
    return rates


def show(title: str, rates: Rates) -> bool:
    """Ratios are taken within a round, because a busy machine slows a whole round down. Whether the gateway's are as asked."""
    print(f"\n{title}: requests/s, median (least to most), and the ratio to {'; '.join(AGAINST)}")
    for name, found in rates.items():
        cells = "  ".join(
            f"{statistics.median(r):7.2f} ({min(r):.2f} to {max(r):.2f})"
            for r in (ratios(found, rates[other]) for other in AGAINST)
        )
        print(f"  {name:30}{statistics.median(found):9,.0f} ({min(found):,.0f} to {max(found):,.0f})  {cells}")
    met = [
        verdict(f"{one} / {other}", statistics.median(ratios(rates[one], rates[other])), asked, more_is_better=True)
        for (one, other), asked in ASKED.items()
    ]
    return all(met)


def verdict(what: str, found: float, asked: float, *, more_is_better: bool) -> bool:
    """Say whether a target is met."""
    met = found >= asked if more_is_better else found <= asked
    print(f"  {what}: {found:.2f}, asked {'at least' if more_is_better else 'at most'} {asked:.2f}: {'met' if met else 'MISSED'}")
    return met


def ratios(found: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(found, others, strict=True)]


def latencies(contender: Contender, rate: float) -> dict[str, float]:
    """Milliseconds by percentile, at so many requests a second."""
    command = ["taskset", "-c", OTHER_CPU, sys.executable, "-m", "tests.load.bench_gateway_paced"]
    command += [str(contender.port), str(rate), "3", contender.token]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {part: found[part] for part in ("50", "99")}


def undisturbed(contender: Contender, rate: float) -> tuple[int, dict[str, float]]:
    """The least disturbed of some runs, and the ticks (hundredths of a second) that the machine's host took from it meanwhile:
    a tick or two in three seconds are a hundredth of all requests, and the tail of whoever needs the core most."""
    tries: list[tuple[int, dict[str, float]]] = []
    while len(tries) < TRIES and not (tries and tries[-1][0] == 0):
        before = stolen()
        found = latencies(contender, rate)
        tries.append((stolen() - before, found))
    return min(tries, key=lambda a_try: a_try[0])


def stolen() -> int:
    """Ticks, of all cores together, in which one had work and the host let somebody else have it."""
    return int(Path("/proc/stat").read_text().split()[8])


def show_latency(running: list[Contender], upstream: Contender, most: float, rounds: int) -> bool:
    """What the gateway adds, and beside it what HAProxy adds to as many: part of it is the machine's, and the generator's."""
    rate = most / 2
    through = {contender.name: contender for contender in running if contender.name in ("gateway", "HAProxy, HS256")}
    added: dict[str, dict[str, list[float]]] = {name: {"50": [], "99": []} for name in through}
    taken: dict[str, list[int]] = {name: [] for name in through}
    for _ in range(rounds):
        _, without = undisturbed(upstream, rate)
        for name, contender in through.items():
            with alone(contender, running):
                ticks, found = undisturbed(contender, rate)
            taken[name].append(ticks)
            for part, took in found.items():
                added[name][part].append(took - without[part])
    print(f"\nAdded latency at half load ({rate:,.0f} requests/s), milliseconds, median of rounds (least to most)")
    for name, parts in added.items():
        cells = (f"p{part} {statistics.median(d):5.2f} ({min(d):.2f} to {max(d):.2f})" for part, d in parts.items())
        print(f"  {name:24}{'   '.join(cells)}   ticks taken by the machine's host: {taken[name]}")
    return verdict("milliseconds added at p99", statistics.median(added["gateway"]["99"]), LATENCY, more_is_better=False)


def show_memory(gateway: Contender, folder: Path) -> bool:
    """Half of the requests bear one of 10^5 tokens, five times each; half come from one of 10^5 addresses and more. Each run
    of wrk goes on where the one before ended."""
    print(f"signing {TOKENS:,} tokens")
    bearers = folder / "tokens"
    bearers.write_text("\n".join(token(user, minutes=600) for user in range(1, TOKENS + 1)))
    script = folder / "many.lua"
    done, warm, started = 0, 0.0, time.monotonic()
    print(f"{0:10,} requests {memory(gateway.pid):7.1f} MiB")
    while done < REQUESTS:
        script.write_text(MANY % (bearers, done))
        done += wrk(gateway, 10, script)[1]
        now = memory(gateway.pid)
        warm = warm or (now if done >= WARM else 0.0)
        print(f"{done:10,} requests {now:7.1f} MiB  {time.monotonic() - started:5.0f} s", flush=True)
    return verdict(f"MiB grown after {WARM:,} requests", now - warm, GROWTH, more_is_better=False)


def memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {int(OTHER_CPU)})
    with tempfile.TemporaryDirectory() as name, contenders(Path(name)) as (running, upstream):
        if options.memory:
            return 0 if show_memory(running[0], Path(name)) else 1
        script = Path(name) / "post.lua"
        script.write_text(POST)
        gets = race(running, options.rounds, options.seconds, None)
        met = [
            show("GET", gets),
            show("POST", race(running, options.rounds, options.seconds, script)),
            show_latency(running, upstream, statistics.median(gets["gateway"]), options.rounds),
        ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
