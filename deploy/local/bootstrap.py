"""Makes the virtual environment with any Python: on a version too old for the rest it still has to say so.

Standard library only, and nothing newer than Python 3.7. `python3 -m deploy.local.bootstrap [run|dev]`
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLDEST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3")
LOCKS = {"run": ("requirements.txt", "requirements-local.txt"), "dev": ("requirements-dev.txt",)}
INSTALLER = "requirements-uv.txt"
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))"


def main() -> None:
    """Make `.venv` hold what the kind of work needs."""
    try:
        ensure(sys.argv[1] if len(sys.argv) > 1 else "run")
    except Problem as problem:
        sys.exit("edustream: " + str(problem))


class Problem(Exception):
    """Something a person has to put right, in one sentence."""


def enter(arguments: list[str]) -> None:
    """Go on as `.venv`'s Python, made first if need be; returns if this is it already."""
    if Path(sys.prefix) == VENV:
        return
    try:
        ensure("run")
    except Problem as problem:
        sys.exit("edustream: " + str(problem))
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, *arguments])


def ensure(kind: str) -> None:
    """Create and fill the virtual environment, unless its stamps say that it is as the locks want it."""
    if not _usable():
        _create()
    if any(_read(_stamp(name)) == _digest(name) for name in (kind, "dev")):  # dev holds everything that run does
        return
    _say("installing packages into .venv (once)")
    _install(LOCKS[kind])
    _stamp(kind).write_text(_digest(kind))


def _usable() -> bool:
    """Whether .venv has a Python, and it is the one asked for."""
    asked = os.environ.get("PYTHON")
    if asked:
        return _version(asked) == _version(str(VENV / "bin" / "python")) != ""
    return os.access(str(VENV / "bin" / "python"), os.X_OK)  # not if the Python it was made from is gone


def _create() -> None:
    python = _find()
    _say("making .venv with Python " + _version(python))
    shutil.rmtree(str(VENV), ignore_errors=True)
    done = subprocess.run([python, "-m", "venv", str(VENV)], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Problem("Python could not make .venv: " + _last_line(done.stdout))


def _find() -> str:
    """The Python to use: PYTHON if given, else the first that works."""
    asked = os.environ.get("PYTHON")
    if asked:
        if not _version(asked):
            raise Problem(f"PYTHON={asked} is no Python 3.11 or newer with venv: name one that is.")
        return asked
    for name in CANDIDATES:
        if shutil.which(name) and _version(name):
            return name
    if _version(sys.executable):
        return sys.executable
    if sys.version_info >= OLDEST:
        raise Problem("This Python lacks venv: install it (on Debian and Ubuntu: apt-get install python3-venv).")
    found = ".".join(map(str, sys.version_info[:2]))
    raise Problem(f"EduStream needs Python 3.11 or newer and found only {found}: install one, or name it with PYTHON=.")


def _version(python: str) -> str:
    """`3.12` if this is a Python that is new enough and can make virtual environments, else nothing."""
    try:
        done = subprocess.run([python, "-c", PROBE], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def _install(locks: tuple[str, ...]) -> None:
    """By uv, which takes seconds; by pip, which takes a minute, where uv does not work."""
    python = str(VENV / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
    files = [part for lock in locks for part in ("-r", str(ROOT / lock))]
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", python, "--require-hashes"]
    if _run([*pip, "-r", str(ROOT / INSTALLER)]) is None:
        mirror = _index_of_pip(python)
        for certificates in ({}, {"UV_SYSTEM_CERTS": "1"}):  # uv trusts its own list, unlike pip; a company's proxy is not on it
            if _run([*uv, *files], {**mirror, **certificates}) is None:
                return
    failure = _run([*pip, *files])
    if failure:
        raise Problem("the packages could not be installed (is there a network?): " + failure)


def _run(command: list[str], extra: dict[str, str] | None = None) -> str | None:
    """The last line of what a failing command said; None if it did not fail."""
    env = dict(os.environ, **(extra or {}))
    try:
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    except OSError as error:
        return str(error)
    return _last_line(done.stdout) if done.returncode else None


def _index_of_pip(python: str) -> dict[str, str]:
    """uv does not read pip's configuration: tell it of a mirror that is configured there."""
    command = [python, "-m", "pip", "config", "get", "global.index-url"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    mirror = os.environ.get("PIP_INDEX_URL") or done.stdout.decode().strip()
    return {"UV_DEFAULT_INDEX": mirror} if mirror and "UV_DEFAULT_INDEX" not in os.environ else {}


def _digest(kind: str) -> str:
    digest = hashlib.sha256((VENV / "pyvenv.cfg").read_bytes())  # names the Python it was made from
    for lock in LOCKS[kind]:
        digest.update((ROOT / lock).read_bytes())
    return digest.hexdigest()


def _stamp(kind: str) -> Path:
    return VENV / f"stamp-{kind}"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def _say(message: str) -> None:
    print(f"{'bootstrap':13} | {message}", flush=True)


if __name__ == "__main__":
    main()
