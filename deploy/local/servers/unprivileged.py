"""PostgreSQL refuses to run as root; this finds a way to run it as somebody else when the launcher is root."""

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LaunchError

NOBODY = 65534
PROBE = 'test -w "$1" && "$2" --version'


@dataclass(frozen=True)
class Unprivileged:
    """How and where to run: binaries, data directory, command prefix, and who must own the data."""

    binaries: Path
    directory: Path
    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None


def find_unprivileged(binaries: Path, directory: Path, data: Path) -> Unprivileged:
    """The first way that works on this machine."""
    if os.geteuid() != 0:
        return Unprivileged(binaries, directory)
    for seat in _ways(binaries, directory, data):
        if shutil.which(seat.prefix[0]) and _works(seat):
            return seat
    raise LaunchError("PostgreSQL does not run as root here: start EduStream as an ordinary user, or set DATABASE_SERVER_URL.")


def away(data: Path) -> Path:
    """Where PostgreSQL of this data directory lives if it cannot live inside."""
    return Path("/var/tmp") / f"edustream-{hashlib.sha256(bytes(data)).hexdigest()[:10]}"  # noqa: S108  its owner is checked


def _ways(binaries: Path, directory: Path, data: Path) -> Iterator[Unprivileged]:
    """A user namespace first: `nobody` inside, root outside, so a private home stays readable and nothing changes owner.

    Containers often forbid that; then another user for real; and if that one cannot reach a checkout below /root, with
    binaries and data in /var/tmp.
    """
    namespace = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    yield Unprivileged(binaries, directory, namespace, (0, 0))
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users.get("nobody")
    if not user:
        return
    become = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    owner = (user.pw_uid, user.pw_gid)
    yield Unprivileged(binaries, directory, become, owner)
    package, outside = binaries.parent.parent, away(data)
    _copy(package, outside)
    yield Unprivileged(outside / package.name / binaries.relative_to(package), outside / directory.parent.name, become, owner)


def _copy(package: Path, target: Path) -> None:
    target.mkdir(mode=0o755, exist_ok=True)
    if target.is_symlink() or target.stat().st_uid != 0:
        raise LaunchError(f"{target} belongs to somebody else: remove it.")
    for source in (package, package.with_name(f"{package.name}.libs")):  # wheels keep their libraries beside the package
        if source.exists() and not (target / source.name).exists():
            shutil.copytree(source, target / source.name, symlinks=True)


def _works(seat: Unprivileged) -> bool:
    seat.directory.mkdir(parents=True, exist_ok=True)
    if seat.owner and seat.directory.stat().st_uid != seat.owner[0]:  # the same data may have been used another way before
        for path in [seat.directory, *seat.directory.rglob("*")]:
            os.chown(path, *seat.owner)
    command = [*seat.prefix, "sh", "-c", PROBE, "sh", str(seat.directory), str(seat.binaries / "initdb")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
