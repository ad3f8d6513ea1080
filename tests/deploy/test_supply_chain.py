"""What is shipped, and what must not be: images without root, packages by hash, no keys in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.local.settings import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
STAGES = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
# Made up, and put together here so that the scan of this file does not find them.
PLANTED = {
    "an AWS key": "key = 'AKIA" + "Z7QK3M5PWX2VB6NT'",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a password in an address": "amqp://edustream:" + "Xk29vQpL7@broker.example.com/",
    "a token": "github = 'ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'",
}


def test_every_image_runs_as_somebody_who_is_not_root() -> None:
    users: dict[str, str | None] = {}
    for base, name, body in STAGES:
        said = re.findall(r"^USER (\S+)$", body, re.MULTILINE)
        users[name] = said[-1] if said else users.get(base)

    assert users.keys() >= {"service", "gateway"}
    assert set(users.values()) == {"edustream"}
    (uid,) = re.findall(r"useradd .*--uid (\d+)", DOCKERFILE)
    assert int(uid) >= 10_000


def test_images_install_only_what_the_lock_has_by_hash() -> None:
    installs = re.findall(r"pip install[^\n]*", DOCKERFILE)

    assert installs
    assert all("--require-hashes" in command and "--requirement requirements.txt" in command for command in installs)
    for lock in ROOT.glob("requirements*.txt"):
        pinned = re.findall(r"^[a-z0-9][\w.\-\[\],]*==.*?(?=^\S|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL)
        assert pinned, lock.name
        assert all("--hash=sha256:" in package for package in pinned), lock.name


@pytest.mark.parametrize("what", PLANTED)
def test_the_scan_finds_what_was_left_lying(tmp_path: Path, what: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"{PLANTED[what]}\n")

    found = scan(file)

    assert found.returncode != 0
    assert f"{file}:1" in found.stdout.decode()


def test_the_scan_lets_examples_pass() -> None:
    assert scan(ROOT / ".env.example").returncode == 0


def scan(*files: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([ROOT / ".ci" / "secrets-scan", *files], cwd=ROOT, capture_output=True, check=False, timeout=60)
