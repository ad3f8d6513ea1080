"""Logs are whole in files of bounded size, and few on the terminal."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.logs import LogFile, Terminal


def test_a_full_log_starts_anew_and_keeps_one_older_file(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x.log", limit=100)
    for number in range(30):
        log.write(b"line %03d" % number)
    log.close()

    assert (tmp_path / "x.log").read_bytes().endswith(b"line 029\n")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 200
    assert len(list(tmp_path.iterdir())) == 2


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for line in (b"one", b"two"):
        log = LogFile(tmp_path / "x.log")
        log.write(line)
        log.close()

    assert (tmp_path / "x.log").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"event": "request", "level": "info"}', ""),
        ('{"event": "slow", "level": "warning", "ms": 900, "timestamp": "…"}', "auth  | warning: slow ms=900\n"),
        ('{"event": "broken", "level": "error"}', "auth  | error: broken\n"),
        ("Traceback (most recent call last):", "auth  | Traceback (most recent call last):\n"),
        ("42", "auth  | 42\n"),
    ],
)
def test_the_terminal_shows_warnings_and_what_is_no_log_line(capsys: pytest.CaptureFixture[str], line: str, shown: str) -> None:
    Terminal(5).relay("auth", line)

    assert capsys.readouterr().out == shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_costs_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(Path("/dev/full"))
    log.write(b"lost")
    log.close()
    log.write(b"late")
    told = False
    with suppress(OSError), Path("/dev/full").open("w") as full:  # which cannot be closed in peace
        monkeypatch.setattr(sys, "stdout", full)
        Terminal(8).tell("run", "stopping")
        told = True

    assert told
