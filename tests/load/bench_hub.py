"""The hub under load: many open sockets, a steady stream of messages, and how long each takes to the other side.

    python -m tests.load.bench_hub [--sockets 2000] [--rate 50] [--seconds 20]

Runs messaging and notifications as an operator would (api and worker of each a process), sends messages by POST /api/messages
between people whose sockets are open, and prints the time from before the POST to the frame at the recipient's socket, and the
CPU and memory of each process. To hold: p50 under 30 ms, p99 under 150 ms, the hub under one core and 200 MB."""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import uvloop
import websockets

from deploy.local.databases import scratch
from deploy.local.servers import Urls
from shared import migrations
from tests.harness import INTERNAL_TOKEN, SIGNING_KEY, token
from tests.load.servers import servers

SERVICES = ("messaging", "notifications")
P50, P99 = 30.0, 150.0  # milliseconds from the POST to the socket
CORES, MEGABYTES = 1.0, 200.0  # of the hub
PEOPLE = """
INSERT INTO people (id, version, name, email, avatar_url, is_active)
SELECT id, 1, 'Person ' || id, id || '@example.com', 'http://localhost/' || id, true FROM generate_series(1, %s) AS id
"""


@dataclass
class Process:
    """A started process, and what it has used."""

    name: str
    child: "subprocess.Popen[bytes]"
    cpu_before: float = 0.0

    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@dataclass
class Clients:
    """Open sockets, and when each message arrived."""

    arrived: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def open(self, port: int, people: range) -> None:
        gate = asyncio.Semaphore(50)

        async def one(user_id: int) -> websockets.ClientConnection:
            async with gate:
                url = f"ws://127.0.0.1:{port}/ws/{user_id}?token={token(user_id)}"
                return await websockets.connect(url, proxy=None, compression=None, open_timeout=30, ping_interval=None)

        connections = await asyncio.gather(*(one(user_id) for user_id in people))
        self.tasks = [asyncio.create_task(self._listen(connection)) for connection in connections]

    async def _listen(self, connection: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                text = await connection.recv()
                now = time.perf_counter()
                self.frames += 1
                message = json.loads(text)
                if message["type"] == "new_message":
                    self.arrived[message["message"]] = now


@contextlib.contextmanager
def databases(server_url: str, people: int) -> Iterator[dict[str, str]]:
    with contextlib.ExitStack() as stack:
        urls = {service: stack.enter_context(scratch(server_url, f"bench_hub_{service}")) for service in SERVICES}
        for service, url in urls.items():
            migrations.upgrade(service, url)
        with psycopg.connect(urls["messaging"], autocommit=True) as messaging:
            messaging.execute(PEOPLE, (people,))
        yield urls


@contextlib.contextmanager
def processes(environment: dict[str, str], ports: dict[str, int]) -> Iterator[dict[str, Process]]:
    started: dict[str, Process] = {}
    try:
        for service in SERVICES:
            for command in ("api", "worker"):
                port = ports[f"{service} {command}"]
                variables = environment | {f"{service.upper()}_PORT": str(port)}
                arguments = [sys.executable, "-m", f"services.{service}", command]
                child = subprocess.Popen(arguments, env=variables, stdout=sys.stderr)
                started[f"{service} {command}"] = Process(f"{service} {command}", child)
        for name in started:
            _wait_until_ready(ports[name])
        yield started
    finally:
        for process in started.values():
            process.child.terminate()
        for process in started.values():
            process.child.wait(20)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


@contextlib.asynccontextmanager
async def keys() -> AsyncIterator[str]:
    """Auth's public keys, as the services ask for them."""
    body = json.dumps({"keys": [SIGNING_KEY.jwk]}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer % (len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Poster:
    """POSTs over kept connections. A whole client would take as much of the machine as one of the services does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, bearer: str, body: bytes) -> int:
        """The status."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bearer}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", answer)[1]))  # type: ignore[index]
        self._free.append((reader, writer))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def send(port: int, people: range, rate: float, seconds: float) -> dict[str, float]:
    """POST at a steady rate; when each message was sent, by its text."""
    sent: dict[str, float] = {}
    refused: list[int] = []
    dice = random.Random(1)
    bearers = {user_id: token(user_id) for user_id in people}
    poster = Poster(port)

    async def one(number: int) -> None:
        sender, recipient = dice.sample(people, 2)
        text = f"message {number}"
        sent[text] = time.perf_counter()
        body = json.dumps({"recipient_id": recipient, "message": text}).encode()
        status = await poster.post("/api/messages", bearers[sender], body)
        if status != 201:
            del sent[text]
            refused.append(status)

    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.create_task(one(number))
    poster.close()
    if refused:
        print(f"refused: {len(refused)} (the machine is too busy for this rate)")
    return sent


def report(sent: dict[str, float], clients: Clients) -> list[str]:
    """Prints the figures; what missed its target."""
    taken = sorted((clients.arrived[text] - at) * 1000 for text, at in sent.items() if text in clients.arrived)
    if len(taken) < 2:
        return [f"of {len(sent)} messages {len(taken)} arrived"]
    cuts = statistics.quantiles(taken, n=100)
    print(f"messages: {len(sent)} sent, {len(taken)} arrived, {clients.frames} frames in all")
    print(f"POST to the socket: p50 {cuts[49]:.1f} ms, p90 {cuts[89]:.1f} ms, p99 {cuts[98]:.1f} ms, most {taken[-1]:.1f} ms")
    missed = [f"{len(sent) - len(taken)} messages did not arrive"] if len(taken) < len(sent) else []
    missed += [f"p50 {cuts[49]:.1f} ms"] if cuts[49] > P50 else []
    return missed + ([f"p99 {cuts[98]:.1f} ms"] if cuts[98] > P99 else [])


async def measure(ports: dict[str, int], running: dict[str, Process], arguments: argparse.Namespace) -> list[str]:
    """Prints the figures; what missed its target."""
    clients, people = Clients(), range(1, arguments.sockets + 1)
    empty = running["notifications api"].memory()
    began = time.perf_counter()
    await clients.open(ports["notifications api"], people)
    print(f"{arguments.sockets} sockets opened in {time.perf_counter() - began:.1f} s; {arguments.rate:g} messages/s")
    gc.freeze()  # or this client would stand still now and then, looking through its sockets, and call that latency
    await asyncio.sleep(3)  # presence is written, caches are warm
    opening = {name: process.cpu() for name, process in running.items()}
    print("CPU so far: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in opening.items()))
    await send(ports["messaging api"], people, arguments.rate, 3)
    await asyncio.sleep(1)
    clients.arrived.clear()
    clients.frames = 0
    before = {name: process.cpu() for name, process in running.items()}
    began = time.perf_counter()
    sent = await send(ports["messaging api"], people, arguments.rate, arguments.seconds)
    for _ in range(200):
        if len(clients.arrived) == len(sent):
            break
        await asyncio.sleep(0.05)
    elapsed = time.perf_counter() - began
    missed = report(sent, clients)
    for name, process in running.items():
        share = (process.cpu() - before[name]) / elapsed
        extra = f" ({empty:.0f} MB without sockets)" if name == "notifications api" else ""
        print(f"  {name:22} {share:6.1%} of a core, {process.memory():4.0f} MB{extra}")
        if name == "notifications api" and (share > CORES or process.memory() > MEGABYTES):
            missed.append(f"the hub took {share:.0%} of a core and {process.memory():.0f} MB")
    print(f"  {'(this client)':22} load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for task in clients.tasks:
        task.cancel()
    await asyncio.gather(*clients.tasks, return_exceptions=True)
    return missed


async def run(urls: Urls, databases_: dict[str, str], data: str, arguments: argparse.Namespace) -> list[str]:
    """Prints the figures; what missed its target."""
    ports = _free_ports([f"{service} {command}" for service in SERVICES for command in ("api", "worker")])
    async with keys() as auth_url:
        environment = os.environ | {
            "EDUSTREAM_ENV": "local",
            "EDUSTREAM_INTERNAL_TOKEN": INTERNAL_TOKEN,
            "EDUSTREAM_DATA": data,
            "OBJECT_STORE_URL": f"file://{data}/objects",
            "REDIS_URL": urls.redis,
            "AMQP_URL": urls.amqp,
            "AUTH_URL": auth_url,
            "LOG_LEVEL": "WARNING",
            **{f"{service.upper()}_DATABASE_URL": url for service, url in databases_.items()},
        }
        with processes(environment, ports) as running:
            return await measure(ports, running, arguments)


def main(arguments: argparse.Namespace) -> None:
    with (
        servers() as urls,
        databases(urls.postgres, arguments.sockets) as found,
        tempfile.TemporaryDirectory() as data,
    ):
        missed = uvloop.run(run(urls, found, data, arguments))
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def _free_ports(names: list[str]) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: listening.getsockname()[1] for name, listening in zip(names, taken, strict=True)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    main(parser.parse_args())
