"""`make backup` and `make restore FILE=`: every service's database, each as pg_dump's custom format, in one tar file.

Of `make run`, or of docker compose (ON=compose). Files of the object store are not in it: see docs/operating.md."""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urlsplit

from deploy.local import development, place
from deploy.local.errors import LaunchError
from deploy.local.processes import GATEWAY, SERVICES
from deploy.local.servers import Instance
from deploy.local.servers.postgres import binary
from deploy.local.settings import ROOT, Settings

BACKING = {"postgres", "redis", "rabbitmq", "prometheus", "grafana"}
CREATE = """
CREATE DATABASE {new} OWNER {owner} TEMPLATE template0;
REVOKE ALL ON DATABASE {new} FROM PUBLIC;
GRANT CONNECT ON DATABASE {new} TO {runtime};
"""
OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{name}'"
DISCONNECT = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"


@dataclass(frozen=True)
class Server:
    """How PostgreSQL's programs are run: `prefix` and `environment` make them an administrator's."""

    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    """Where the programs are, with a slash behind; empty: on the PATH."""

    def run(self, name: str, *arguments: str, given: IO[bytes] | None = None, to: IO[bytes] | None = None) -> None:
        """Raises `LaunchError` with the program's last words."""
        command = [*self.prefix, f"{self.folder}{name}", *arguments]
        done = subprocess.run(
            command,
            stdin=given or subprocess.DEVNULL,
            stdout=to or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
            check=False,
        )
        if done.returncode:
            raise LaunchError(f"{name} failed: {done.stderr.decode(errors='replace').strip()[-600:]}")

    def sql(self, statements: str) -> str:
        """The first column that came out."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
            given.write(statements.encode())
            given.seek(0)
            self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-", given=given, to=answer)
            answer.seek(0)
            return answer.read().decode().strip()


def at(url: str) -> Server:
    """The server of an administrator's URL."""
    parts = urlsplit(url)
    where = {"PGHOST": parts.hostname or "", "PGPORT": str(parts.port or 5432)}
    who = {"PGUSER": unquote(parts.username or "postgres"), "PGPASSWORD": unquote(parts.password or "")}
    return Server(environment=where | who, folder=f"{binary('psql').parent}/")


def in_compose() -> Server:
    """The server of docker compose, asked inside its container."""
    script = 'PGPASSWORD=$POSTGRES_PASSWORD exec "$@"'  # which the container knows
    who = ("-e", "PGHOST=127.0.0.1", "-e", "PGUSER=postgres")
    return Server(prefix=("docker", "compose", "exec", "-T", *who, "postgres", "sh", "-c", script, "--"))


def back_up(server: Server, databases: Mapping[str, str], folder: Path, now: datetime) -> Path:
    """Write the databases (service → name) into a new file that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"edustream-{now:%Y%m%dT%H%M%SZ}.tar"
    draft = path.with_suffix(".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for service, name in databases.items():
                with tempfile.TemporaryFile(dir=folder) as dump:
                    server.run("pg_dump", "--format=custom", "-d", name, to=dump)
                    entry = tarfile.TarInfo(f"{service}.dump")
                    entry.size, entry.mtime = dump.seek(0, os.SEEK_END), int(now.timestamp())
                    dump.seek(0)
                    tar.addfile(entry, dump)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def restore(server: Server, databases: Mapping[str, str], path: Path) -> None:
    """Put the databases back as they were. They take the places of those that are there only once all are whole."""
    with tarfile.open(path) as tar:
        missing = sorted(databases.keys() - {name.removesuffix(".dump") for name in tar.getnames()})
        if missing:
            raise LaunchError(f"{path} has no backup of {', '.join(missing)}.")
        for service, name in databases.items():
            with tempfile.TemporaryFile() as dump:
                shutil.copyfileobj(cast("IO[bytes]", tar.extractfile(f"{service}.dump")), dump)
                dump.seek(0)
                _make(server, name, dump)
    _take_the_place(server, list(databases.values()))


def _take_the_place(server: Server, names: list[str]) -> None:
    """All at once or none: a stop in the middle must not leave some databases of today beside others of the backup."""
    renamed = []
    for name in names:
        old, new, replaced = _quoted(name), _quoted(f"{name}_restored"), _quoted(f"{name}_replaced")
        server.sql(f"DROP DATABASE IF EXISTS {replaced} WITH (FORCE);")
        renamed += [f"ALTER DATABASE {old} RENAME TO {replaced};", f"ALTER DATABASE {new} RENAME TO {old};"]
    try:
        for name in names:  # whoever is connected, or comes, would forbid the renaming
            server.sql(f"ALTER DATABASE {_quoted(name)} ALLOW_CONNECTIONS false;\n{DISCONNECT.format(name=name)}")
        server.sql("\n".join(["BEGIN;", *renamed, "COMMIT;"]))
    finally:
        server.sql("\n".join(f"ALTER DATABASE {_quoted(name)} ALLOW_CONNECTIONS true;" for name in names))
    for name in names:
        server.sql(f"DROP DATABASE {_quoted(f'{name}_replaced')} WITH (FORCE);")


def _make(server: Server, name: str, dump: IO[bytes]) -> None:
    owner = server.sql(OWNER.format(name=name))
    if not owner:
        raise LaunchError(f"There is no database {name}: start EduStream once, so that its roles and databases are there.")
    new = _quoted(f"{name}_restored")
    server.sql(f"DROP DATABASE IF EXISTS {new} WITH (FORCE);")
    server.sql(CREATE.format(new=new, owner=_quoted(owner), runtime=_quoted(owner.removesuffix("_owner"))))
    server.run("pg_restore", "--exit-on-error", "--single-transaction", "-d", f"{name}_restored", given=dump)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def chosen(where: str) -> Iterator[tuple[Server, list[str]]]:
    """The server that is meant, and which processes of EduStream run on it."""
    if where == "compose":
        listed = subprocess.run(
            ["docker", "compose", "ps", "--services", "--status", "running"], capture_output=True, text=True, check=False
        )
        running = set(listed.stdout.split())
        if "postgres" not in running:
            raise LaunchError("PostgreSQL does not run: docker compose up --wait postgres")
        yield in_compose(), sorted(running - BACKING)
    else:
        instance = Instance("dev")
        running_here = sorted(instance.services())
        if not running_here and place.is_taken(instance.directory):
            running_here = ["make run"]  # which is about to start them
        if GATEWAY in running_here:
            yield at(instance.urls().postgres), running_here
        else:
            with instance.session() as urls:
                development.prepare_databases(instance)  # a new machine has none yet
                yield at(urls.postgres), running_here


def ours() -> dict[str, str]:
    """Service → database. Raises LaunchError where one is elsewhere: what is here under its name is stale or empty."""
    settings = Settings.load()
    variables = [f"{service.upper()}_DATABASE_URL" for service in SERVICES]
    if elsewhere := [variable for variable in variables if settings.get(variable)]:
        raise LaunchError(f"{', '.join(elsewhere)} is set: back up and restore all databases where they are, with pg_dump.")
    return {service: f"edustream_{service}" for service in SERVICES}


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two commands; 1, and why in one sentence, when it could not be."""
    given = _parse(arguments)
    try:
        databases = ours()
        if given.what == "restore" and not Path(given.file).is_file():
            raise LaunchError("Name the file to restore: FILE=backups/edustream-….tar")
        with chosen(given.on) as (server, running):
            if given.what == "backup":
                print(f"Wrote {back_up(server, databases, Path(given.to), datetime.now(UTC))}")
                return 0
            if running and not given.force:
                raise LaunchError(f"EduStream runs ({', '.join(running)}) and would lose what it has: stop it, or say FORCE=1.")
            restore(server, databases, Path(given.file))
            print("Restored. Start EduStream, let its owners speak: make resync SERVICE=auth (profiles, bookings, messaging).")
    except (LaunchError, OSError) as problem:
        print(f"edustream: {problem}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    parser.add_argument("--on", choices=["local", "compose"], default="local")
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("backup").add_argument("--to", default=str(ROOT / "backups"))
    command = commands.add_parser("restore")
    command.add_argument("file")
    command.add_argument("--force", action="store_true", help="also while services run")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
