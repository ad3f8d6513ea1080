"""What is forked is as good as what is executed: its own environment, output and end."""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.forge import WORKS, Forge, Forged
from deploy.local.lifetime import birth
from deploy.local.program import Program
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not WORKS, reason="programs are forked on Linux only")

SAYS = """
import atexit, os, sys
atexit.register(print, "and that is all")
print(__name__, sys.argv[1:], sorted(os.environ), os.getcwd())
print("trouble", file=sys.stderr)
raise SystemExit(7)
"""
LIVES = """
import os, signal
open("pid", "w").write(str(os.getpid()))
while True:
    signal.pause()
"""


class Stage:
    """A forge, and a folder that programs are started in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.forge = Forge()
        self._numbers = itertools.count()

    async def start(self, code: str) -> Forged:
        module = f"told_{next(self._numbers)}"
        (self.path / f"{module}.py").write_text(code)
        program = Program(
            name="told",
            command=(),
            module=(module, "all"),
            env={"PYTHONPATH": str(self.path), "SECRET": "its own"},
            cwd=self.path,
            is_ready=lambda: True,
        )
        with (self.path / "output").open("wb") as output:
            return await self.forge.start(program, output.fileno())

    async def lives(self) -> int:
        """The pid that a program has written."""

        async def written() -> str:
            file = self.path / "pid"
            return file.read_text() if file.exists() else ""

        return int(await eventually(written))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.forge.close()


async def test_a_fork_has_its_own_arguments_environment_folder_and_output(stage: Stage) -> None:
    code = await (await stage.start(SAYS)).wait()

    assert code == 7
    assert (stage.path / "output").read_text().splitlines() == [
        f"__main__ ['all'] ['PYTHONPATH', 'SECRET'] {stage.path}",
        "trouble",
        "and that is all",
    ]


async def test_a_signal_that_kills_a_fork_is_told(stage: Stage) -> None:
    forged = await stage.start(LIVES)
    assert await stage.lives() == forged.pid

    os.kill(forged.pid, signal.SIGTERM)

    assert await forged.wait() == -signal.SIGTERM


async def test_forks_end_with_their_forge_and_the_next_start_makes_another(stage: Stage) -> None:
    first = await stage.start(LIVES)
    await stage.lives()

    os.kill(parent(first.pid), signal.SIGKILL)
    assert await first.wait() == -signal.SIGKILL
    second = await stage.start(SAYS)

    assert await second.wait() == 7
    await eventually(lambda: asyncio.to_thread(lambda: not birth(first.pid)))


async def test_a_start_that_its_forge_does_not_live_to_see_has_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    forged = await asyncio.gather(*(stage.start(LIVES) for _ in range(20)))
    assert {(one.pid, await one.wait()) for one in forged} == {(0, -signal.SIGKILL)}

    monkeypatch.undo()
    assert await (await stage.start(SAYS)).wait() == 7


async def test_many_that_end_at_once_are_all_told(stage: Stage) -> None:
    forged = [await stage.start(LIVES) for _ in range(20)]
    await stage.lives()

    for one in forged:
        os.kill(one.pid, signal.SIGKILL)

    assert [await one.wait() for one in forged] == [-signal.SIGKILL] * 20


async def test_closing_ends_the_forge_and_its_forks(stage: Stage) -> None:
    forged = await stage.start(LIVES)
    pid = await stage.lives()

    await stage.forge.close()

    assert await forged.wait() == -signal.SIGKILL
    await eventually(lambda: asyncio.to_thread(lambda: not birth(pid)))
