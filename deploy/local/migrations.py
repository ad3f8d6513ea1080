"""Brings every service's database up to date before the services start; costs next to nothing when nothing changed."""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

import psycopg

from deploy.local.errors import LaunchError
from deploy.local.logs import Tell
from deploy.local.processes import SERVICES, Deployment, migration_environment
from deploy.local.settings import ROOT


async def migrate(deployment: Deployment, tell: Tell) -> None:
    """Run `migrate` of each service whose code or database is not as the last one left it."""
    stamps = deployment.directory / "migrated.json"
    known = json.loads(stamps.read_text()) if stamps.exists() else {}
    states = await asyncio.gather(*(asyncio.to_thread(_state, deployment, name) for name in SERVICES))
    outdated = [name for name, state in zip(SERVICES, states, strict=True) if known.get(name) != state]
    if not outdated:
        return
    tell("migrate", ", ".join(outdated))
    slots = asyncio.Semaphore(os.cpu_count() or 2)
    await asyncio.gather(*(migrate_one(deployment, name, slots) for name in outdated))
    stamps.write_text(json.dumps(known | {name: _state(deployment, name) for name in outdated}, indent=1))


async def migrate_one(deployment: Deployment, service: str, slots: asyncio.Semaphore) -> None:
    """Run `migrate` of one service, and end it if this is cancelled. Raises LaunchError with its last words."""
    async with slots:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}", "migrate"),
            env=migration_environment(deployment, service),
            cwd=deployment.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:  # the launcher was told to stop
                process.kill()
                await process.wait()
    if process.returncode:
        raise LaunchError(f"The migrations of {service} failed.\n{output.decode(errors='replace')[-3000:]}")


def _state(deployment: Deployment, service: str) -> str:
    """The revision the database says it is at, with a digest of the code that brought it there."""
    return f"{_revision(deployment.databases[service].owner)} {_digest(service)}"


def _revision(url: str) -> str:
    try:
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version ORDER BY 1").fetchall()
    except psycopg.errors.UndefinedTable:
        return "none"
    return "+".join(str(row[0]) for row in rows) or "none"


def _digest(service: str) -> str:
    digest = hashlib.sha256()
    for path in sorted([*_sources(ROOT / "services" / service), *_sources(ROOT / "shared")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".pyc", ".pyo"}]
