"""RabbitMQ's files: the machine's own if installed, else Debian packages that its apt downloads, unpacked and never installed."""

import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.errors import LaunchError
from deploy.local.settings import Settings

MODULES = "modules"
PACKAGES = ("rabbitmq-server", "erlang-base")
# A private apt: its own lists and cache, no hooks, no root; signatures are checked as always.
OPTIONS = (
    "APT::Sandbox::User=",
    "Debug::NoLocking=1",
    "APT::Update::Post-Invoke-Success=",
    "APT::Update::Post-Invoke=",
    "DPkg::Post-Invoke=",
    "Acquire::Languages=none",
    "APT::Keep-Downloaded-Packages=true",
    "Acquire::Retries=3",
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
    "Dir::State::status=/var/lib/dpkg/status",
)


def find_rabbitmq(settings: Settings) -> Path:
    """The root of a file tree with usr/lib/rabbitmq and usr/lib/erlang."""
    installed = Path("/")
    if (installed / "usr/lib/rabbitmq/lib").exists() and (installed / "usr/lib/erlang").exists():
        return installed
    for cache in settings.caches:
        if (cache / _label() / "complete").exists():
            return cache / _label() / "root"
    with _writable(settings.caches) as cache:
        target = cache / _label()
        if not (target / "complete").exists():  # another checkout may have been faster
            _download(target)
        return target / "root"


def _label() -> str:
    """Packages of one release and processor do not fit another."""
    release = platform.freedesktop_os_release()
    return f"rabbitmq-{release.get('ID', 'linux')}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"


@contextlib.contextmanager
def _writable(caches: list[Path]) -> Iterator[Path]:
    """The first cache directory that can be written, for one checkout at a time."""
    for cache in caches:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            lock = (cache / "lock").open("w")
        except OSError:
            continue
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield cache
            return
    raise LaunchError(f"Cannot write to {caches[-1]}: set EDUSTREAM_CACHE to a directory of yours.")


def _download(target: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LaunchError("No RabbitMQ: install it and set AMQP_URL, for example AMQP_URL=amqp://guest:guest@127.0.0.1:5672/")
    draft = target.with_name(f"{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial", "root"):
        (draft / folder).mkdir(parents=True)
    _apt(draft, "update")
    _apt(draft, "-y", "--no-install-recommends", "--reinstall", "--download-only", "install", *PACKAGES)
    for package in sorted((draft / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, draft / "root"], check=True)
    _gather_modules(draft / "root", draft / MODULES)
    shutil.rmtree(draft / "state")
    shutil.rmtree(draft / "cache")
    (draft / "complete").touch()
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


def _gather_modules(root: Path, modules: Path) -> None:
    """One folder that names every Erlang module.

    Erlang looks for each of a thousand modules in forty folders, one failing open after the other; this halves the start.
    """
    modules.mkdir()
    for folder in ("erlang/lib", "rabbitmq/lib/*/plugins"):
        for module in (root / "usr/lib").glob(f"{folder}/*/ebin/*.beam"):
            name = modules / module.name
            if not name.exists():
                name.symlink_to(os.path.relpath(module, modules))


def _apt(draft: Path, *arguments: str) -> None:
    places = (f"Dir::State={draft / 'state'}", f"Dir::Cache={draft / 'cache'}")
    options = [part for option in (*OPTIONS, *places) for part in ("-o", option)]
    command = ["apt-get", "-qq", *options, *arguments]
    env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env, check=False)
    if done.returncode:
        why = re.sub(r"\w+://\S+", "<archive>", done.stderr.strip())[-300:]
        way = "run `apt-get install rabbitmq-server` as root, or set AMQP_URL to a broker you run"
        raise LaunchError(f"apt could not fetch RabbitMQ: {way}. ({why})")
