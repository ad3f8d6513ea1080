"""An instance is one set of backing servers under `.data/<name>`; those named in the environment are used as they are."""

import contextlib
import fcntl
import json
import secrets
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local import place, ports
from deploy.local.errors import LaunchError
from deploy.local.lifetime import POLL, Registry, end
from deploy.local.processes import SERVICES
from deploy.local.program import Program
from deploy.local.servers.postgres import Postgres
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.server import Place, Record, Server, write_private
from deploy.local.servers.valkey import Valkey
from deploy.local.settings import Settings

START_SECONDS = 180
LOG_LIMIT = 5_000_000
PASS = 0o011  # another user may have to pass through to PostgreSQL's data; every secret is 0600


@dataclass(frozen=True)
class Urls:
    """Where the three servers are."""

    postgres: str
    redis: str
    amqp: str


class Instance:
    """PostgreSQL, Valkey and RabbitMQ that share a data directory. `dev` keeps its data whatever happens; others are fast.

    Only `dev` heeds `.env`: what is named there is not for a test run to write to.
    """

    def __init__(self, name: str = "dev", settings: Settings | None = None) -> None:
        self.name = name
        self.settings = settings or Settings.load(dotenv=name == "dev")
        self.directory = self.settings.data / name
        self.registry = Registry(self.directory / "processes.json")
        here = Place(name, self.directory, self.settings, durable=name == "dev")
        self.postgres, self.valkey, self.rabbitmq = Postgres(here), Valkey(here), RabbitMQ(here)
        self._records = self.directory / "servers.json"

    def embedded(self) -> list[Server]:
        """The servers that this instance runs itself."""
        return [s for s in (self.postgres, self.valkey, self.rabbitmq) if not self.settings.get(s.variable)]

    def needed(self) -> list[Server]:
        """Those of them that the suite needs: not PostgreSQL where every service is given a database."""
        all_given = all(self.settings.get(f"{service.upper()}_DATABASE_URL") for service in SERVICES)
        return [server for server in self.embedded() if server is not self.postgres or not all_given]

    def urls(self) -> Urls:
        """Where the servers are, or will be once they run."""
        return Urls(postgres=self._url(self.postgres).rstrip("/"), redis=self._url(self.valkey), amqp=self._url(self.rabbitmq))

    def up(self) -> Urls:
        """Start what does not run, detached from the caller; safe to call from many processes at once.

        Beside a runner it only waits: two servers on the same data would ruin it.
        """
        limit = time.monotonic() + START_SECONDS
        while True:
            with self.lock():
                if not place.is_taken(self.directory):
                    self._start([s for s in self.embedded() if not self.is_up(s)])
                    return self.urls()
            if all(map(self.is_up, self.needed())):
                return self.urls()
            if time.monotonic() > limit:
                raise LaunchError("`make run` keeps the servers of this checkout, and they do not answer: look at what it says.")
            time.sleep(POLL)

    def down(self) -> None:
        """Stop the servers of this instance, unless a runner keeps them; their data stays."""
        with self.lock():
            if not place.is_taken(self.directory):
                self._stop(self.embedded())

    @contextlib.contextmanager
    def session(self, *, keep: bool = False) -> Iterator[Urls]:
        """Servers for the length of a block; the last of several users stops them, even if another was killed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "users").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self.up()
            finally:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if not keep:
                        self.down()

    def is_up(self, server: Server) -> bool:
        """Whether the server that this instance started still lives and answers."""
        return bool(self.registry.pid(server.name)) and server.answers(self._load(server).port)

    def services(self) -> dict[str, int]:
        """The pids of the services that a runner keeps alive on this instance."""
        return Registry(self.directory / "services.json").living()

    def settle(self, servers: list[Server]) -> dict[Server, Record]:
        """Settle the port and password of each server, the same as last time where possible.

        Ends first what a killed launcher left running.
        """
        self._stop(servers)
        records: dict[Server, Record] = {}
        for server in servers:
            old = self._load(server)
            taken = frozenset(record.port for record in records.values())
            records[server] = Record(ports.choose(old.port, taken), old.password or secrets.token_urlsafe(18))
        if records:
            settled = {server.name: asdict(record) for server, record in records.items()}
            write_private(self._records, json.dumps({**self._all(), **settled}, indent=1))
        return records

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One launcher at a time changes an instance."""
        self.directory.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(self.settings.data.stat().st_mode)
        if mode & PASS != PASS:
            self.settings.data.chmod(mode | PASS)  # and no bit less: the folder may be one that others use
        with (self.directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.directory / "log" / f"{name}.log"

    def _url(self, server: Server) -> str:
        return self.settings.get(server.variable) or server.url(self._load(server))

    def _all(self) -> dict[str, dict[str, str | int]]:
        try:
            return dict(json.loads(self._records.read_text()))
        except (OSError, ValueError):
            return {}

    def _load(self, server: Server) -> Record:
        known = self._all().get(server.name, {})
        return Record(int(known.get("port", 0)), str(known.get("password", "")))

    def _start(self, servers: list[Server]) -> None:
        records = self.settle(servers)
        with ThreadPoolExecutor(3) as pool:
            programs = list(pool.map(lambda server: server.program(records[server]), servers))
        children = [(program, self._spawn(program)) for program in programs]
        for program, child in children:
            self._await(program, child)

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes]":
        log = self.log(program.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        too_long = log.exists() and log.stat().st_size > LOG_LIMIT
        with log.open("wb" if too_long else "ab") as output:
            child = subprocess.Popen(
                program.detached(),
                env=dict(program.env),
                cwd=program.cwd,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.registry.record(program.name, child.pid)
        return child

    def _await(self, program: Program, child: "subprocess.Popen[bytes]") -> None:
        limit = time.monotonic() + START_SECONDS
        while not program.is_ready():
            if child.poll() is not None or time.monotonic() > limit:
                end(child.pid)
                tail = self.log(program.name).read_text(errors="replace")[-1500:]
                raise LaunchError(f"{program.name} did not start; {self.log(program.name)} ends with:\n{tail}")
            time.sleep(POLL)
        child.returncode = 0  # it is meant to outlive this process: no warning that it still runs

    def _stop(self, servers: list[Server]) -> None:
        running = [(pid, server.stop_signal) for server in servers if (pid := self.registry.pid(server.name))]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda process: end(*process), running))
        for server in servers:
            self.registry.forget(server.name)
