"""Starts the services as forks of one process that has loaded what all of them share.

Loading it is most of what a service does before it is ready. Loaded once for all, the suite is up sooner, and so is a service
that died. `Forge` is the side that asks. `python -m deploy.local.forge` is the process that is asked: it has one thread, opens
nothing, and ends with the one that started it. Only on Linux: elsewhere, libraries of the system do not survive a fork.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys

from deploy.local.lifetime import dies_with_parent
from deploy.local.program import Program
from deploy.local.settings import MACHINE, ROOT

SHARED = ("shared.service", "shared.events.auth", "shared.events.profiles", "shared.events.bookings", "shared.events.messaging")
WORKS = sys.platform == "linux"
LARGEST_MESSAGE = 1 << 17
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


class Forged:
    """A process that was forked; the part of `asyncio.subprocess.Process` that a supervisor needs.

    Its `pid` stays 0 if the forge ended before it was born."""

    def __init__(self) -> None:
        self.pid = 0
        self.started = asyncio.Event()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal, if one killed it."""
        return await asyncio.shield(self.ended)


class Forge:
    """The side that asks; used by one event loop."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._closed = asyncio.Event()
        self._forged: dict[int, Forged] = {}
        self._numbers = itertools.count()

    def open(self) -> socket.socket:
        """Begin to load, unless that was begun; where to ask."""
        if self._channel:
            return self._channel
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = (*dies_with_parent(signal.SIGKILL), sys.executable, "-m", "deploy.local.forge", str(theirs.fileno()))
        machine = {name: os.environ[name] for name in MACHINE if name in os.environ}  # nothing that a service may not know
        environment = machine | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with theirs:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
            )
        asyncio.get_running_loop().add_reader(ours, self._read, ours, process)
        self._channel = ours
        self._closed.clear()
        return ours

    async def start(self, program: Program, output: int) -> Forged:
        """`python -m` the program's module with its environment alone, what it says going to the file descriptor `output`."""
        number, forged = next(self._numbers), Forged()
        self._forged[number] = forged
        request = {"number": number, "module": program.module, "env": dict(program.env), "cwd": str(program.cwd)}
        message = json.dumps(request | {"orphan_signal": program.orphan_signal}).encode()
        with contextlib.suppress(ConnectionError):  # it is gone: `_read` is about to notice
            socket.send_fds(self.open(), [message], [output])
        await forged.started.wait()
        return forged

    async def close(self) -> None:
        """Let the process end, and with it whatever of its forks still runs."""
        if self._channel:
            self._channel.shutdown(socket.SHUT_WR)
            await self._closed.wait()

    def _read(self, channel: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        message = b""
        with contextlib.suppress(ConnectionResetError):  # it is gone, and has not read all that was asked
            message = channel.recv(LARGEST_MESSAGE)
        if message:
            self._heard(**json.loads(message))
            return
        asyncio.get_running_loop().remove_reader(channel)
        channel.close()
        process.wait()
        self._channel = None  # the next start makes another
        self._closed.set()
        for number in list(self._forged):
            self._heard(number, code=-signal.SIGKILL)

    def _heard(self, number: int, pid: int = 0, code: int | None = None) -> None:
        forged = self._forged[number]
        forged.pid = forged.pid or pid
        forged.started.set()
        if code is not None:
            forged.ended.set_result(code)
            del self._forged[number]


def main(channel: socket.socket) -> None:
    """Load, then fork for each request and tell of each end, until whoever asks is gone."""
    gc.disable()
    for module in SHARED:
        importlib.import_module(module)
    gc.freeze()  # its pages stay shared
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    numbers: dict[int, int] = {}
    forge = os.getpid()
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            for pid, code in _ended():
                _tell(channel, number=numbers.pop(pid), code=code)
        if channel in ready:
            message, outputs, _, _ = socket.recv_fds(channel, LARGEST_MESSAGE, 1)
            if not message:
                return
            request = json.loads(message)
            number = request.pop("number")
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (channel, woken, wake):
                    end.close()
                _become(outputs[0], forge, **request)
                return
            os.close(outputs[0])
            numbers[pid] = number
            _tell(channel, number=number, pid=pid)


def _ended() -> list[tuple[int, int]]:
    """Pid and exit code of each fork that has ended."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def _tell(channel: socket.socket, **news: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone: `main` is about to notice
        channel.send(json.dumps(news).encode())


def _become(output: int, parent: int, module: list[str], env: dict[str, str], cwd: str, orphan_signal: int) -> None:
    """Go on as `python -m <module>` in this fork."""
    os.setsid()
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, orphan_signal)
    if os.getppid() != parent:  # it died before that, and nobody would ever tell us
        return
    prctl(PR_SET_NAME, module[0].rpartition(".")[2].encode())  # what `top` and `ps -c` call it
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path[:0] = env.get("PYTHONPATH", str(ROOT)).split(os.pathsep)
    sys.argv = module
    gc.enable()
    runpy.run_module(module[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
