"""A real gateway in a process of its own, in front of stand-in services, with a Valkey that tests may kill."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local import ports
from deploy.local.servers.valkey import _executable as valkey_executable
from gateway.routes import SERVICES
from tests.clients import plain_client
from tests.gateway.standin import StandIn

ROOT = Path(__file__).parents[2]
Services = dict[str, StandIn]


@dataclass
class Running:
    """A gateway's process."""

    port: int
    process: asyncio.subprocess.Process
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> str:
        return self.log.read_text()

    def memory(self) -> int:
        """Resident bytes."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Valkey:
    """A Valkey of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = ports.choose()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            str(valkey_executable()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not ports.exchange(self.port, b"PING\r\n").startswith(b"+PONG"):
            assert time.monotonic() < deadline, "Valkey did not start"

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


StartGateway = Callable[..., Awaitable[Running]]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that this test may kill."""
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
async def session_services() -> AsyncIterator[Services]:
    found = {name: await StandIn(name).start() for name in SERVICES}
    yield found
    for service in found.values():
        await service.stop()


@pytest.fixture
def services(session_services: Services) -> Iterator[Services]:
    """The stand-ins, having seen nothing yet."""
    for service in session_services.values():
        service.clear()
    yield session_services
    for service in session_services.values():
        service.clear()


@pytest.fixture
async def start_gateway(session_services: Services, valkey: Valkey, tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Starts gateways with the given environment over the usual one; stops them after the test."""
    async with _gateways(session_services, valkey, tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
async def start_lasting_gateway(
    session_services: Services, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StartGateway]:
    """The same, for what tests share: stops them in the end."""
    async with _gateways(session_services, valkey, tmp_path_factory.mktemp("gateways")) as start:
        yield start


@pytest.fixture(scope="session")
async def gateway(start_lasting_gateway: StartGateway) -> Running:
    """The one most tests share: no limits, other defaults."""
    return await start_lasting_gateway()


@pytest.fixture
async def http(gateway: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client(base_url=gateway.url, timeout=10) as client:
        yield client


@contextlib.asynccontextmanager
async def _gateways(services: Services, valkey: Valkey, folder: Path) -> AsyncIterator[StartGateway]:
    started: list[Running] = []

    async def start(**environment: str) -> Running:
        port = int(environment.get("EDUSTREAM_PORT") or ports.choose())
        log = folder / f"gateway-{port}.log"
        usual = {f"{name.upper()}_URL": service.url for name, service in services.items()}
        usual |= {
            "PATH": os.environ["PATH"],
            "EDUSTREAM_PORT": str(port),
            "REDIS_URL": valkey.url,
            "AMQP_URL": "amqp://127.0.0.1:1",
            "EDUSTREAM_RATE_LIMIT_DEFAULT": "off",
        }
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", cwd=ROOT, env=usual | environment, stdout=out, stderr=out
            )
        running = Running(port, process, log)
        started.append(running)
        await _until_live(running)
        return running

    yield start
    for running in started:
        await running.kill()


async def _until_live(running: Running) -> None:
    async with plain_client(base_url=running.url) as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert running.process.returncode is None, running.lines()
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/health/live")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise AssertionError(running.lines())
