"""The suite under the local launcher, with servers of its own: so that any of its processes may be killed.

Each service answers in one process and works in another, as operators run it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.local import ports
from deploy.local.lifetime import birth
from deploy.local.program import answers_200
from deploy.local.servers import Instance, Urls
from deploy.local.settings import Settings
from tests.e2e.conftest import Mailbox, receiving
from tests.e2e.people import Person, close_clients, signs_in
from tests.holding import held
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 240.0  # a first start, on a machine that runs other tests


@dataclass(frozen=True)
class Launched:
    """A running `python -m deploy.local run`."""

    gateway: str
    data: Path

    def pid(self, name: str) -> int:
        """The process of a service, of the gateway, or of a server, as it runs now; 0 between two lives."""
        found: dict[str, list[str]] = {}
        for registry in (self.data / "dev").glob("*.json"):
            if registry.name in ("processes.json", "services.json"):
                found |= json.loads(registry.read_text())
        pid, born = found.get(name, ("0", "never"))
        return int(pid) if birth(int(pid)) == born else 0

    async def kill(self, name: str) -> None:
        """kill -9; returns when another process has taken its place."""
        victim = self.pid(name)
        assert victim, f"{name} does not run"
        os.kill(victim, signal.SIGKILL)

        async def replaced() -> bool:
            return self.pid(name) not in (0, victim)

        await eventually(replaced, 30)

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """SIGSTOP it, with all its children, for the length of the block."""
        with held(descendants(self.pid(name))):
            yield

    def urls(self) -> Urls:
        """Where the servers are, as their administrator reaches them."""
        return Instance("dev", Settings({"EDUSTREAM_DATA": str(self.data)})).urls()

    async def is_healthy(self) -> bool:
        port = urlsplit(self.gateway).port or 0
        return await asyncio.to_thread(answers_200, port, "/health")


def descendants(pid: int) -> list[int]:
    """The process, and all that came from it."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return [pid, *(found for child in children for found in descendants(int(child)))]


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """Everything that leaves by mail; no fault is its."""
    with receiving() as box:
        yield box


@pytest.fixture(scope="session")
async def launched(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> AsyncIterator[Launched]:
    data, port = tmp_path_factory.mktemp("launched"), ports.choose()
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_SERVER_URL", "REDIS_URL", "AMQP_URL")}
    limits = {f"EDUSTREAM_RATE_LIMIT_{name}": "off" for name in ("REGISTER", "LOGIN", "DEFAULT")}
    env = {**clean, **limits, "EDUSTREAM_PORT": str(port), "EDUSTREAM_DATA": str(data), "EDUSTREAM_DEMO": "off"}
    env |= {"EDUSTREAM_APART": "on", "SMTP_URL": mailbox.url}
    with (data / "launcher.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.local", "--no-dotenv", "run"),
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        launched = Launched(f"http://127.0.0.1:{port}", data)

        async def started() -> bool:
            assert process.returncode is None, (data / "launcher.log").read_text()[-3000:]
            return await launched.is_healthy()

        await eventually(started, START_SECONDS)
        yield launched
        await close_clients()
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 60)


@pytest.fixture
async def administrator(launched: Launched) -> Person:
    return await signs_in(launched.gateway, "admin@example.com", "admin12345")
