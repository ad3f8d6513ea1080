"""What `python -m deploy.local` does and, above all, what it leaves alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.commands import main
from deploy.local.settings import ROOT, Settings


def told(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy.local", *words]
    env = os.environ | {"EDUSTREAM_DATA": str(data)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data of three instances, and a stranger's folder beside them."""
    for name in ("dev", "test", "mine", "objects", "strange"):
        (tmp_path / name).mkdir()
    return tmp_path


def left(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir())


def test_cleaning_an_instance_forgets_no_other(data: Path) -> None:
    assert told(data, "--name", "mine", "clean").returncode == 0

    assert left(data) == ["dev", "objects", "strange", "test"]


def test_cleaning_forgets_what_is_ours_and_nothing_else(data: Path) -> None:
    assert told(data, "clean").returncode == 0

    assert left(data) == ["mine", "strange"]


@pytest.mark.parametrize("name", ["..", "a/b", "", "."])
def test_an_instance_cannot_be_named_like_a_path(data: Path, name: str) -> None:
    assert told(data, "--name", name, "clean").returncode == 2

    assert len(left(data)) == 5


@pytest.mark.parametrize("command", ["run", "up", "env", "down"])
def test_a_file_in_the_place_of_the_data_is_told_in_one_sentence(tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.touch()

    done = told(file, command)

    assert done.returncode == 1
    assert done.stderr.startswith("edustream: ")
    assert str(file) in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("words", "heeded"), [([], True), (["--no-dotenv"], False)])
def test_dotenv_is_heeded_unless_asked_not_to(
    words: list[str], heeded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(f"AMQP_URL=amqp://operator.invalid/\nEDUSTREAM_DATA={tmp_path}\n")
    monkeypatch.setitem(Settings.load.__func__.__kwdefaults__, "root", tmp_path)  # type: ignore[attr-defined]
    monkeypatch.delenv("AMQP_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["deploy.local", *words, "status"])

    assert main() == 0

    assert ("external (AMQP_URL)" in capsys.readouterr().out) == heeded
