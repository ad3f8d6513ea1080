"""Keeps programs alive: whatever dies is started again at once, at the same port and on the same data."""

import asyncio
import collections
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.local import forge
from deploy.local.errors import LaunchError
from deploy.local.forge import Forge, Forged
from deploy.local.lifetime import Registry, sweep_group
from deploy.local.logs import LogFile, Tell
from deploy.local.program import Program

STEADY = 30.0  # seconds of life after which a death is not counted to earlier ones
CRASHES = 5  # within STEADY seconds and never ready: it will not come up
LONGEST_PAUSE = 10.0
POLL = 0.1
LAST_LINES = 15


class Supervised:
    """One program and the process that runs it now."""

    def __init__(self, program: Program, forge: Forge | None, registry: Registry, log: LogFile, tell: Tell, relay: Tell) -> None:
        self.program = program
        self._forge = forge
        self.ready = asyncio.Event()
        self.failed = asyncio.Event()
        self.pid: int | None = None
        self.last_lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
        self._registry, self._log, self._tell, self._relay = registry, log, tell, relay
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._was_ready = False

    def start(self) -> None:
        """Begin to keep it alive."""
        self._stop.clear()
        self._task = asyncio.create_task(self._keep_alive(), name=f"supervise {self.program.name}")

    async def stop(self, grace: float) -> None:
        """End it, politely for `grace` seconds."""
        self._stop.set()
        if not self._task:
            return
        self.signal(self.program.stop_signal)
        _, late = await asyncio.wait([self._task], timeout=grace)
        if late:
            self.signal(signal.SIGKILL)
        await self._task

    def kill(self) -> None:
        """End it without asking, for good."""
        self._stop.set()
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _keep_alive(self) -> None:
        crashes, first = 0, time.monotonic()
        while not self._stop.is_set():
            began = time.monotonic()
            code = await self._live()
            if self._stop.is_set():
                return
            now = time.monotonic()
            crashes = 1 if now - began > STEADY else crashes + 1
            if not self._was_ready and crashes >= CRASHES and now - first < STEADY:
                self.failed.set()
                return
            pause = min(0.5 * 2 ** (crashes - 2), LONGEST_PAUSE) if crashes > 1 else 0.0
            when = f"in {pause:g} s" if pause else "now"
            self._tell(self.program.name, f"{_cause(code)}; starting it again {when}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _live(self) -> int:
        """One life of the program; returns its exit code."""
        # Not asyncio's own pipe: with that, waiting for the process would also wait for children that hold it open.
        reading, writing = os.pipe()
        try:
            process = await self._spawn(writing)
        except OSError as error:  # the machine has no process to give just now, or the program is gone from it
            self._said(f"cannot be started: {error}\n".encode())
            return os.EX_OSERR
        finally:
            os.close(writing)
            output = asyncio.create_task(self._read(reading))
        if not process.pid:  # the forge ended before it was born
            await _end_of(output)
            return await process.wait()
        self.pid = process.pid
        self._registry.record(self.program.name, process.pid)
        if self._stop.is_set():  # it was asked to end while it was being started
            self.signal(self.program.stop_signal)
        watch = asyncio.create_task(self._watch(process.pid))
        code = await process.wait()
        await self._bury(process.pid, output, watch)
        return code

    async def _spawn(self, output: int) -> asyncio.subprocess.Process | Forged:
        if self._forge and self.program.module:
            return await self._forge.start(self.program, output)
        return await asyncio.create_subprocess_exec(
            *self.program.attached(),
            env=dict(self.program.env),
            cwd=self.program.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    async def _bury(self, pid: int, output: "asyncio.Task[None]", watch: "asyncio.Task[None]") -> None:
        sweep_group(pid)
        watch.cancel()
        await _end_of(output, watch)
        self.ready.clear()
        self.pid = None
        self._registry.forget(self.program.name)

    async def _watch(self, pid: int) -> None:
        began = time.monotonic()
        while not await asyncio.to_thread(self.program.is_ready):  # noqa: ASYNC110  another process becomes ready
            await asyncio.sleep(POLL)
        if self.pid != pid:
            return
        if self._was_ready:
            self._tell(self.program.name, f"is back after {time.monotonic() - began:.1f} s")
        self._was_ready = True
        self.ready.set()

    async def _read(self, pipe: int) -> None:
        stream, rest = asyncio.StreamReader(), b""
        protocol = asyncio.StreamReaderProtocol(stream)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(pipe, "rb", 0))
        try:
            while chunk := await stream.read(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._said(line)
        finally:
            transport.close()
            if rest:
                self._said(rest)

    def _said(self, line: bytes) -> None:
        self._log.write(line)
        text = line.decode(errors="replace").rstrip()
        self.last_lines.append(text)
        if self.program.talks_json and text:
            self._relay(self.program.name, text)


class Supervisor:
    """A set of programs that live and end together."""

    def __init__(self, registry: Registry, log_of: Callable[[str], Path], tell: Tell, relay: Tell) -> None:
        self._registry, self._log_of, self._tell, self._relay = registry, log_of, tell, relay
        self._forge = Forge() if forge.WORKS else None
        self._all: dict[str, Supervised] = {}
        self._logs: list[LogFile] = []

    def start(self, programs: Iterable[Program]) -> None:
        """Begin to keep these programs alive."""
        for program in programs:
            log = LogFile(self._log_of(program.name))
            self._logs.append(log)
            self._all[program.name] = Supervised(program, self._forge, self._registry, log, self._tell, self._relay)
            self._all[program.name].start()

    async def wait_ready(self, names: Iterable[str] | None = None, within: float = 180.0) -> None:
        """Return when they are ready. Raises LaunchError, with its last words, for one that cannot come up."""
        wanted = [self._all[name] for name in (names or self._all)]
        limit = time.monotonic() + within
        while not all(one.ready.is_set() for one in wanted):
            for one in wanted:
                if one.failed.is_set():
                    raise LaunchError(f"{one.program.name} crashes whenever it is started.\n{_last_words(one)}")
                if not one.ready.is_set() and time.monotonic() > limit:
                    raise LaunchError(f"{one.program.name} was not ready within {within:.0f} s.\n{_last_words(one)}")
            await asyncio.sleep(POLL)

    def pid(self, name: str) -> int:
        """The process that runs a program now. Raises LookupError between two lives."""
        pid = self._all[name].pid
        if pid is None:
            raise LookupError(f"{name} does not run")
        return pid

    def restart(self, name: str) -> None:
        """Begin to keep alive again a program that was stopped by name."""
        self._all[name].start()

    async def stop(self, names: Iterable[str] | None = None, grace: float = 15.0) -> None:
        """End these programs, or all."""
        stopping = [self._all[name] for name in (names or list(self._all))]
        await asyncio.gather(*(one.stop(grace) for one in stopping))
        if names is None:
            for log in self._logs:
                log.close()
            self._logs.clear()
            self._all.clear()
            if self._forge:
                await self._forge.close()

    def kill(self) -> None:
        """End everything without asking."""
        for one in self._all.values():
            one.kill()


async def _end_of(output: "asyncio.Task[None]", *others: "asyncio.Task[None]") -> None:
    await asyncio.wait([output, *others], timeout=1)
    output.cancel()


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended by itself with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"


def _last_words(one: Supervised) -> str:
    return "\n".join(f"  {line}" for line in one.last_lines)
