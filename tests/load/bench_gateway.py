"""`make bench-gateway`: the gateway beside the proxies an operator would pick, each on the same core in turn.

python -m tests.load.bench_gateway [--rounds 5] [--seconds 3]   ratios of requests per second, and added latency at half load
python -m tests.load.bench_gateway --memory                     memory over 10^6 requests, 10^5 tokens and 10^5 addresses
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import uvloop

from tests.gateway.keys import token
from tests.load.bench_gateway_contenders import OTHER_CPU, PATHS, Contender, contenders

CONNECTIONS = 32
TARGETS = {"haproxy": 0.40, "naive": 40.0, "latency": 2.0}
POST = """
wrk.method = "POST"
wrk.path = "/api/bookings"
wrk.body = '{"tutor_profile_id": 5, "start_at": "2027-01-25T14:00:00Z", "duration_minutes": 60, "lesson_type": "online"}'
wrk.headers["Content-Type"] = "application/json"
"""
MANY = """
local bearers = {}
for line in io.lines("%s") do bearers[#bearers + 1] = "Bearer " .. line end
local n = 0
request = function()
  n = n + 1
  local headers = {}
  if n %% 2 == 0 then headers["Authorization"] = bearers[math.floor(n / 10) %% #bearers + 1]
  else headers["X-Forwarded-For"] = string.format("10.%%d.%%d.%%d", n / 65536 %% 4, n / 256 %% 256, n %% 256) end
  return wrk.format("GET", "/api/tutors", headers)
end
"""
Rates = dict[str, list[float]]


def wrk(contender: Contender, seconds: int, script: Path | None = None) -> float:
    """Requests per second; anything but good answers ends the bench."""
    command = ["taskset", "-c", OTHER_CPU, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}"]
    command += ["-s", str(script)] if script else []
    command += ["-H", f"Authorization: Bearer {contender.token}", f"http://127.0.0.1:{contender.port}/api/tutors"]
    said = subprocess.run(command, env=PATHS, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{contender.name} failed requests:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise SystemExit(said)
    return float(found[1])


def race(running: list[Contender], rounds: int, seconds: int, script: Path | None) -> Rates:
    rates: Rates = {contender.name: [] for contender in running}
    for contender in running:
        wrk(contender, 1, script)
    for number in range(rounds):
        for contender in running[number % len(running) :] + running[: number % len(running)]:
            rates[contender.name].append(wrk(contender, seconds, script))
    return rates


def show(title: str, rates: Rates) -> None:
    """Ratios are taken within a round, because a busy machine slows a whole round down."""
    print(f"\n{title}: requests/s, median (least to most), and the ratio to HAProxy HS256, ES256, and to the naive proxy")
    for name, found in rates.items():
        against = [ratios(found, rates[other]) for other in ("HAProxy, HS256", "HAProxy, ES256", "FastAPI + httpx")]
        cells = "  ".join(f"{statistics.median(r):7.2f} ({min(r):.2f} to {max(r):.2f})" for r in against)
        print(f"  {name:24}{statistics.median(found):9,.0f} ({min(found):,.0f} to {max(found):,.0f})  {cells}")


def ratios(found: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(found, others, strict=True)]


async def latencies(contender: Contender, rate: float, seconds: float) -> list[float]:
    """Milliseconds from when each request was due, at a steady rate over the usual connections."""
    request = f"GET /api/tutors HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {contender.token}\r\n\r\n".encode()
    found: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", contender.port))
    loop = asyncio.get_running_loop()

    async def one(due: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]
        found.append((loop.time() - due) * 1000)
        free.put_nowait((reader, writer))

    started = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            tasks.create_task(one(due))
    while not free.empty():
        free.get_nowait()[1].close()
    return found


def percentile(found: list[float], part: float) -> float:
    return sorted(found)[int(len(found) * part)]


def show_latency(gateway: Contender, upstream: Contender, most: float, rounds: int) -> None:
    rate = most / 2
    added = {0.5: [], 0.99: []}  # type: dict[float, list[float]]
    for _ in range(rounds):
        alone = uvloop.run(latencies(upstream, rate, 3))
        through = uvloop.run(latencies(gateway, rate, 3))
        for part, differences in added.items():
            differences.append(percentile(through, part) - percentile(alone, part))
    print(f"\nAdded latency at half load ({rate:,.0f} requests/s), milliseconds, median of rounds (least to most)")
    for part, differences in added.items():
        print(f"  p{part * 100:.0f} {statistics.median(differences):.2f} ({min(differences):.2f} to {max(differences):.2f})")


def show_memory(gateway: Contender, folder: Path) -> None:
    """Half of the requests bear one of 10^5 tokens, five times each; half come from one of 10^5 addresses and more."""
    print("signing 100,000 tokens")
    bearers = folder / "tokens"
    bearers.write_text("\n".join(token(user, minutes=600) for user in range(1, 100_001)))
    script = folder / "many.lua"
    script.write_text(MANY % bearers)
    done, started = 0.0, time.monotonic()
    print(f"{0:10,} requests {memory(gateway.pid):7.1f} MiB")
    while done < 1_000_000:
        done += wrk(gateway, 10, script) * 10
        print(f"{done:10,.0f} requests {memory(gateway.pid):7.1f} MiB  {time.monotonic() - started:5.0f} s", flush=True)


def memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {int(OTHER_CPU)})
    with tempfile.TemporaryDirectory() as name, contenders(Path(name)) as (running, upstream):
        if options.memory:
            show_memory(running[0], Path(name))
            return
        script = Path(name) / "post.lua"
        script.write_text(POST)
        gets = race(running, options.rounds, options.seconds, None)
        show("GET", gets)
        show("POST", race(running, options.rounds, options.seconds, script))
        show_latency(running[0], upstream, statistics.median(gets["gateway"]), options.rounds)


if __name__ == "__main__":
    main()
