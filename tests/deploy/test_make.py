"""What `make` makes of how its commands end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.settings import ROOT

PYTEST = """#!/bin/sh
echo "$@" >> {folder}/asked
code=$(head -n 1 {folder}/codes) && sed -i 1d {folder}/codes && exit "$code"
"""


@pytest.mark.parametrize(
    ("codes", "code", "flaky"),
    [
        ([0], 0, False),
        ([1, 0], 0, True),
        ([1, 1], 2, False),
        ([1, 5], 2, False),  # nothing had failed that could be tried again: a worker was lost
        ([2], 2, False),
        ([3], 2, False),
    ],
)
def test_only_failed_tests_are_tried_again_and_those_that_pass_alone_are_named(
    tmp_path: Path, codes: list[int], code: int, flaky: bool
) -> None:
    stand_in = tmp_path / "pytest"
    stand_in.write_text(PYTEST.format(folder=tmp_path))
    stand_in.chmod(0o755)
    (tmp_path / "codes").write_text("".join(f"{one}\n" for one in codes))

    done = make("test", f"PY={stand_in}")

    assert done.returncode == code, done.stderr
    assert ("FLAKY" in done.stdout) == flaky
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(codes)
    assert all("--last-failed" in words and "-rap" in words for words in asked[1:])


def test_the_fast_tests_start_no_server() -> None:
    """Those of faults have a launcher of their own."""
    words = (sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/faults")
    environment = os.environ | {"EDUSTREAM_TEST_SERVERS": "none"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert "test_a_failure_in_the_calm" in done.stdout
    assert "test_whatever_fails" not in done.stdout


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Without making the environment first."""
    return subprocess.run(["make", "-s", "-o", "dev-packages", *words], cwd=ROOT, capture_output=True, text=True, check=False)
