"""Which processes are ours, whether they still live, and how they end with everything they started."""

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL = 0.02


def birth(pid: int) -> str:
    """When a living process was started: with it a reused pid is told from the process that had it. Empty if it is gone."""
    if not Path("/proc/self/stat").exists():
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return answer.stdout.strip()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


@functools.cache
def dies_with_parent(number: signal.Signals) -> tuple[str, ...]:
    """A command prefix that makes the kernel send ``number`` to the program when its parent dies, even of kill -9.

    Where the machine cannot (not Linux, no util-linux) it is empty, and the next start ends what was left behind.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    prefix = (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--") if setpriv else ()
    works = prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if works else ()


def sweep_group(pid: int) -> None:
    """End whatever is left of the process group that ``pid`` led."""
    if pid <= 0:  # would be our own group, or everything there is
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end(pid: int, number: signal.Signals = signal.SIGTERM, grace: float = 20.0) -> None:
    """Ask a process to stop, insist after ``grace`` seconds, and leave nothing of its group."""
    born = birth(pid)
    if not born:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    if not _gone(pid, born, grace):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _gone(pid, born, grace)
    sweep_group(pid)


class Registry:
    """The pids of the processes started for one data directory, kept in a file so that a later start can end leftovers."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, name: str, pid: int) -> None:
        """Remember that ``pid`` is now the process called ``name``."""
        self._write({**self._read(), name: [str(pid), birth(pid)]})

    def forget(self, name: str) -> None:
        """Strike ``name`` from the list."""
        known = self._read()
        if known.pop(name, None):
            self._write(known)

    def pid(self, name: str) -> int | None:
        """The pid of the living process called ``name``."""
        pid, born = self._read().get(name, ["0", ""])
        return int(pid) if born and birth(int(pid)) == born else None

    def living(self) -> dict[str, int]:
        """Every recorded process that still lives."""
        return {name: pid for name in self._read() if (pid := self.pid(name))}

    def _read(self) -> dict[str, list[str]]:
        try:
            return dict(json.loads(self._path.read_text()))
        except (OSError, ValueError):
            return {}

    def _write(self, known: dict[str, list[str]]) -> None:
        draft = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk: keeping what runs alive matters more than this list
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(known, indent=1))
            draft.replace(self._path)


def _gone(pid: int, born: str, grace: float) -> bool:
    limit = time.monotonic() + grace
    while time.monotonic() < limit:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if birth(pid) != born:
            return True
        time.sleep(POLL)
    return False
