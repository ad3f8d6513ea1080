"""`make test-compose`: docker compose from nothing, as an operator starts it, and one lesson through it. Leaves nothing behind.

With an address in EDUSTREAM_URL only the lesson, on what answers there: without rate limits, and its administrator's
EDUSTREAM_ADMIN_EMAIL and EDUSTREAM_ADMIN_PASSWORD in the environment."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.compose_env import NOBODY, lines
from deploy.local import ports
from deploy.local.settings import ROOT
from tests.e2e.journey import one_lesson
from tests.e2e.people import close_clients, signs_in

PROJECT = "edustream-test"
PASSED_ON = ("RABBITMQ_IMAGE", "BUILD_NETWORK")
ADMIN = ("EDUSTREAM_ADMIN_EMAIL", "EDUSTREAM_ADMIN_PASSWORD")


def main() -> int:
    if url := os.environ.get("EDUSTREAM_URL"):
        asyncio.run(live(url, os.environ))
        return 0
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        print("No Docker engine answers here: docker compose was not tried.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        port = ports.choose()
        file = Path(folder) / "env"
        file.write_text("\n".join(settings(port)))
        try:
            return compose(file, "up", "--build", "--wait") or lesson(port, file) or compose(file, "ps")
        finally:
            compose(file, "down", "--volumes", "--timeout", "40")


def settings(port: int) -> list[str]:
    """What `make secrets` would write, a port of its own, and no limits: the journey looks again and again."""
    limits = [f"EDUSTREAM_RATE_LIMIT_{name}=off" for name in ("REGISTER", "LOGIN", "DEFAULT")]
    given = [f"{name}={os.environ[name]}" for name in PASSED_ON if name in os.environ]
    return [*lines(NOBODY), *limits, f"EDUSTREAM_PORT={port}", *given, ""]


def compose(env: Path, *words: str) -> int:
    began = time.monotonic()
    command = ["docker", "compose", "--project-name", PROJECT, "--env-file", str(env), *words]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"── docker compose {' '.join(words)}: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
    return code


def lesson(port: int, env: Path) -> int:
    made = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)
    asyncio.run(live(f"http://{ports.LOOPBACK}:{port}", made))
    return 0


async def live(url: str, administrator: Mapping[str, str]) -> None:
    """The lesson; raises AssertionError at whatever is not as it should be."""
    email, password = (administrator[name] for name in ADMIN)
    await one_lesson(url, await signs_in(url, email, password))
    await close_clients()
    print(f"One lesson, from sign-up to notification, went well at {url}.")


if __name__ == "__main__":
    sys.exit(main())
