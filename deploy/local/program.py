"""What it takes to run one process: its command, its environment, and how to see that it is ready."""

import http.client
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.lifetime import dies_with_parent
from deploy.local.ports import LOOPBACK


@dataclass(frozen=True)
class Program:
    """One process, startable any number of times with the same port and data."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    is_ready: Callable[[], bool]
    prefix: tuple[str, ...] = ()  # becomes another user first; a change of user would undo dies_with_parent
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    module: tuple[str, ...] = ()  # what `python -m` is told, of a program that may be forked instead (deploy/local/forge.py)
    talks_json: bool = False  # its warnings are worth showing on the terminal

    def detached(self) -> list[str]:
        """The command of a process that outlives the one that started it."""
        return [*self.prefix, *self.command]

    def attached(self) -> list[str]:
        """The command of a process that ends with the one that started it."""
        return [*self.prefix, *dies_with_parent(self.orphan_signal), *self.command]


def answers_200(port: int, path: str, host: str = LOOPBACK) -> bool:
    """Whether a local HTTP server answers 200 to GET ``path``."""
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
