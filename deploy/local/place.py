"""One runner per checkout: taking its place, and asking the one that has it to go."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from typing import IO

from deploy.local.errors import LaunchError
from deploy.local.lifetime import POLL, birth
from deploy.local.servers import Instance


@contextlib.contextmanager
def only_one(instance: Instance) -> Iterator[None]:
    """Hold the place of this checkout's runner. Raises LaunchError if another holds it."""
    with _open(instance) as file:
        if not _take(file):
            raise LaunchError("EduStream already runs from this checkout: stop it with Ctrl-C there, or with `make stop`.")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def stop_running(instance: Instance) -> None:
    """Stop the runner of this checkout, if there is one, and wait until it has stopped."""
    with _open(instance) as file:
        if _take(file):
            return
        file.seek(0)
        pid = int(file.read() or 0)
        if born := birth(pid):
            os.kill(pid, signal.SIGTERM)
            while birth(pid) == born:
                time.sleep(POLL)


def _open(instance: Instance) -> IO[str]:
    instance.directory.mkdir(parents=True, exist_ok=True)
    return (instance.directory / "runner").open("a+")


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
