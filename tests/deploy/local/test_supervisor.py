"""Programs are kept alive, and nothing of them is left."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.local.errors import LaunchError
from deploy.local.forge import WORKS
from deploy.local.lifetime import Registry, birth, dies_with_parent
from deploy.local.program import Program
from deploy.local.supervisor import Supervisor
from tests.waiting import eventually

LIVES = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); print('I live', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LIVES}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LIVES!r}, sys.argv[1]]); {LIVES}"
CRASHES = "print('I cannot, because'); raise SystemExit(3)"


class Stage:
    """A supervisor, what it told, and the pids of every process that its programs started."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self.registry = Registry(path / "processes.json")
        self.supervisor = Supervisor(self.registry, lambda name: path / f"{name}.log", self._tell, lambda _n, _l: None)

    def program(self, code: str, lives: int = 1) -> Program:
        """A program that is ready when it has been started `lives` times, or more."""
        return Program(
            name="dummy",
            command=(sys.executable, "-c", code, str(self.path / "pids")),
            env=dict(os.environ),
            cwd=self.path,
            is_ready=lambda: len(self.pids()) >= lives,
        )

    def pids(self) -> list[int]:
        file = self.path / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def _tell(self, name: str, message: str) -> None:
        self.told.append(f"{name}: {message}")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.supervisor.stop(grace=0.1)


async def until(true: Callable[[], bool]) -> None:
    async def look() -> bool:
        return true()

    await eventually(look)


async def test_a_killed_program_is_started_again(stage: Stage) -> None:
    stage.supervisor.start([stage.program(LIVES)])
    await stage.supervisor.wait_ready()
    first = stage.supervisor.pid("dummy")

    os.kill(first, signal.SIGKILL)
    await until(lambda: len(stage.pids()) == 2)
    await stage.supervisor.wait_ready()

    assert stage.supervisor.pid("dummy") == stage.pids()[1] != first
    assert stage.told[0] == "dummy: was killed by SIGKILL; starting it again now"


async def test_nothing_is_left_of_a_stopped_program_nor_of_its_children(stage: Stage) -> None:
    stage.supervisor.start([stage.program(PARENT, lives=2)])
    await stage.supervisor.wait_ready()
    pids = stage.pids()

    await stage.supervisor.stop()

    assert len(pids) == 2
    await until(lambda: not any(map(birth, pids)))
    assert stage.registry.living() == {}


async def test_nothing_is_left_of_a_killed_programs_children(stage: Stage) -> None:
    stage.supervisor.start([stage.program(PARENT, lives=2)])
    await stage.supervisor.wait_ready()
    child = next(pid for pid in stage.pids() if pid != stage.supervisor.pid("dummy"))

    os.kill(stage.supervisor.pid("dummy"), signal.SIGKILL)

    await until(lambda: not birth(child))


async def test_a_program_that_does_not_listen_is_killed(stage: Stage) -> None:
    stage.supervisor.start([stage.program(DEAF)])
    await stage.supervisor.wait_ready()

    await stage.supervisor.stop(grace=0.2)

    assert not any(map(birth, stage.pids()))


async def test_a_program_that_never_comes_up_is_reported_with_its_last_words(stage: Stage) -> None:
    stage.supervisor.start([stage.program(CRASHES)])

    with pytest.raises(LaunchError, match=r"crashes whenever it is started(.|\n)*I cannot, because"):
        await stage.supervisor.wait_ready()


@pytest.mark.skipif(not WORKS, reason="programs are forked on Linux only")
async def test_so_is_one_that_cannot_be_loaded_once_it_is_forked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CRASHES", 2)
    stage.supervisor.start([replace(stage.program(LIVES), module=("not_there",))])

    with pytest.raises(LaunchError, match=r"crashes whenever it is started(.|\n)*No module named not_there"):
        await stage.supervisor.wait_ready()


@pytest.mark.skipif(not WORKS, reason="programs are forked on Linux only")
async def test_so_is_one_whose_forge_never_forks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CRASHES", 2)
    monkeypatch.setattr(sys, "executable", "false")
    stage.supervisor.start([replace(stage.program(LIVES), module=("not_there",))])

    with pytest.raises(LaunchError, match="crashes whenever it is started"):
        await stage.supervisor.wait_ready()
    assert stage.registry.living() == {}


async def test_so_is_one_for_which_there_is_no_process(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CRASHES", 2)
    stage.supervisor.start([replace(stage.program(LIVES), cwd=stage.path / "gone")])

    with pytest.raises(LaunchError, match=r"crashes whenever it is started(.|\n)*cannot be started: .*No such file"):
        await stage.supervisor.wait_ready()


async def test_a_killed_program_is_started_again_on_a_full_disk(stage: Stage) -> None:
    (stage.path / "processes.new").mkdir()  # nothing can be written there
    stage.supervisor.start([stage.program(LIVES)])
    await stage.supervisor.wait_ready()

    os.kill(stage.supervisor.pid("dummy"), signal.SIGKILL)

    await until(lambda: len(stage.pids()) == 2)


async def test_a_program_that_is_not_ready_in_time_is_reported(stage: Stage) -> None:
    stage.supervisor.start([stage.program(LIVES, lives=99)])

    with pytest.raises(LaunchError, match="was not ready within"):
        await stage.supervisor.wait_ready(within=0.3)


async def test_a_program_stopped_by_name_stays_away_until_it_is_wanted_again(stage: Stage) -> None:
    stage.supervisor.start([stage.program(LIVES)])
    await stage.supervisor.wait_ready()

    await stage.supervisor.stop(["dummy"])
    with pytest.raises(LookupError):
        stage.supervisor.pid("dummy")
    stage.supervisor.restart("dummy")

    await until(lambda: len(stage.pids()) == 2)


async def test_what_a_program_says_is_in_its_log(stage: Stage) -> None:
    stage.supervisor.start([stage.program(LIVES)])
    await stage.supervisor.wait_ready()

    await until(lambda: "I live\n" in (stage.path / "dummy.log").read_text())


@pytest.mark.skipif(not dies_with_parent(signal.SIGKILL), reason="this machine cannot tell children of their parent's death")
async def test_programs_end_with_a_launcher_that_was_killed(stage: Stage) -> None:
    program = stage.program(LIVES)
    launcher = f"import subprocess, time; subprocess.Popen({program.attached()!r}); time.sleep(600)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", launcher)
    await until(lambda: len(stage.pids()) == 1)

    process.kill()
    await process.wait()

    await until(lambda: not birth(stage.pids()[0]))
