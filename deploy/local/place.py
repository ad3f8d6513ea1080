"""One runner per checkout: taking its place, and asking the one that has it to go."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deploy.local.errors import LaunchError
from deploy.local.lifetime import POLL, birth

PATIENCE = 0.2  # seconds: who only asks whether the place is taken has it for a moment


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the place of the runner of the instance that lives in `directory`. Raises LaunchError if another holds it."""
    with _open(directory) as file:
        if not _take(file):
            raise LaunchError("EduStream already runs from this checkout: stop it with Ctrl-C there, or with `make stop`.")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_taken(directory: Path) -> bool:
    """Whether a runner holds the place: the servers are then its own to start and to stop."""
    with _open(directory) as file:
        return not _take(file)


def stop_running(directory: Path) -> None:
    """Stop the runner, if there is one, and wait until it has stopped."""
    with _open(directory) as file:
        if _take(file):
            return
        file.seek(0)
        pid = int(file.read() or 0)
        if born := birth(pid):
            os.kill(pid, signal.SIGTERM)
            while birth(pid) == born:
                time.sleep(POLL)


def _open(directory: Path) -> IO[str]:
    directory.mkdir(parents=True, exist_ok=True)
    return (directory / "runner").open("a+")


def _take(file: IO[str]) -> bool:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                return False
            time.sleep(POLL)
        else:
            return True
