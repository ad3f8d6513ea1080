"""Making the environment: with a Python that is new enough, once, and in one sentence where it cannot be."""

from pathlib import Path

import pytest

from deploy.local import bootstrap


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, to put fake Pythons into; and no Python asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    return tmp_path


def put(folder: Path, name: str, version: str) -> None:
    """A Python that says it is this version; one that says nothing fails, as a shim without an installation does."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 127\n")
    file.chmod(0o755)


def test_the_newest_python_that_works_is_used(fake: Path) -> None:
    put(fake, "python3.13", "")
    put(fake, "python3.12", "3.12")
    put(fake, "python3", "3.11")

    assert bootstrap._find() == "python3.12"


def test_the_python_asked_for_is_used(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(fake, "python3.12", "3.12")
    put(fake, "mine", "3.11")
    monkeypatch.setenv("PYTHON", "mine")

    assert bootstrap._find() == "mine"


def test_a_python_asked_for_that_does_not_work_is_named(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "python2")

    with pytest.raises(bootstrap.Problem, match=r"PYTHON=python2 is no Python 3\.11"):
        bootstrap._find()


def test_a_machine_with_only_an_old_python_is_told_which_it_needs(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 8, 18))

    with pytest.raises(bootstrap.Problem, match=r"needs Python 3\.11 or newer and found only 3\.8"):
        bootstrap._find()


def test_a_python_without_venv_is_told_what_to_install(fake: Path) -> None:
    with pytest.raises(bootstrap.Problem, match="apt-get install python3-venv"):
        bootstrap._find()


def test_packages_are_installed_again_only_when_a_lock_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[tuple[str, ...]] = []
    for lock in ("requirements.txt", "requirements-local.txt", "requirements-dev.txt"):
        (tmp_path / lock).write_text("a==1")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/pyvenv.cfg").write_text("version = 3.11")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "_usable", lambda: True)
    monkeypatch.setattr(bootstrap, "_install", installed.append)

    bootstrap.ensure("run")
    bootstrap.ensure("run")
    assert installed == [("requirements.txt", "requirements-local.txt")]

    (tmp_path / "requirements.txt").write_text("a==2")
    bootstrap.ensure("run")
    bootstrap.ensure("dev")
    bootstrap.ensure("run")
    assert installed[1:] == [("requirements.txt", "requirements-local.txt"), ("requirements-dev.txt",)]
