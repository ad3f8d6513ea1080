"""What `python -m deploy.local` can be told."""

import argparse
import asyncio
import ctypes
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local import development
from deploy.local.databases import scratch
from deploy.local.errors import LaunchError
from deploy.local.logs import Terminal
from deploy.local.migrations import migrate
from deploy.local.place import only_one, stop_running
from deploy.local.processes import GATEWAY, SERVICES, environment
from deploy.local.runner import NAME_WIDTH, run
from deploy.local.servers import Instance
from deploy.local.settings import Settings

PR_SET_PDEATHSIG = 1
DEFAULT = "dev"
OURS = (DEFAULT, "test", "objects", "mail", "cache")
KNOWN = (LaunchError, OSError)  # the second: a full disk, a file where the data should be
NAME = re.compile(r"[a-z][a-z0-9-]*")
COMMANDS = {
    "run": "everything, in the foreground, until Ctrl-C",
    "up": "only the backing servers, in the background",
    "down": "stop the runner and the backing servers",
    "clean": "stop everything and forget all data; with --name, only that instance and its data",
    "status": "what runs",
    "env": "start the backing servers and print their URLs for a shell",
    "migrate": "bring the databases up to date",
    "call": "one command of a service, on the data of `run`: resync, rebuild, rotate-key, …",
    "revise": "write a migration from what the tables of a service declare",
}


def main() -> int:
    """Run one command; what a person can put right is told in one sentence."""
    arguments = _parse()
    name = arguments.name or DEFAULT
    try:
        return _execute(arguments, Instance(name, Settings.load(dotenv=False) if arguments.no_dotenv else None))
    except KNOWN as problem:
        message = str(problem)
    except BaseExceptionGroup as problems:  # the servers start together: one that cannot is enough to know
        known, others = problems.split(KNOWN)
        if others or not known:
            raise
        message = _first(known)
    print(f"edustream: {message}", file=sys.stderr)
    return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="EduStream on this machine.")
    parser.add_argument("--name", type=_name, help="the instance: dev (default), test, or one of your own")
    parser.add_argument("--no-dotenv", action="store_true", help="heed the environment only, not `.env`")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning)
        if name == "run":
            command.add_argument("--stop-with-parent", action="store_true", help="end when the calling process does")
        if name == "call":
            command.add_argument("service", choices=SERVICES)
            command.add_argument("word")
        if name == "revise":
            command.add_argument("service")
            command.add_argument("message")
    return parser.parse_args()


def _execute(arguments: argparse.Namespace, instance: Instance) -> int:
    match arguments.command:
        case "run":
            return _run(instance, stop_with_parent=arguments.stop_with_parent)
        case "up":
            instance.up()
        case "env":
            urls = instance.up()
            print(f"export DATABASE_SERVER_URL='{urls.postgres}' REDIS_URL='{urls.redis}' AMQP_URL='{urls.amqp}'")
        case "status":
            _status(instance)
        case "migrate":
            _migrate(instance)
        case "call":
            return _call(instance, arguments.service, arguments.word)
        case "revise":
            _revise(arguments.service, arguments.message)
        case "down" | "clean":
            stop_running(instance.directory)
            instance.down()
            if arguments.command == "clean":
                _forget(instance, only=arguments.name is not None)
    return 0


def _run(instance: Instance, *, stop_with_parent: bool) -> int:
    if stop_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    with only_one(instance.directory):
        return asyncio.run(run(instance))


def _migrate(instance: Instance) -> None:
    """With the servers that run, or with our own for the moment."""
    with instance.session(keep=any(map(instance.is_up, instance.embedded()))):
        deployment = development.deployment(instance, development.prepare_databases(instance), gateway=1)
        asyncio.run(migrate(deployment, Terminal(NAME_WIDTH).tell))


def _call(instance: Instance, service: str, word: str) -> int:
    """`python -m services.<service> <word>`, told what the service itself is told. The suite must run."""
    if GATEWAY not in instance.services():
        raise LaunchError("EduStream does not run: start it with `make run`, in another terminal.")
    deployment = development.deployment(instance, development.prepare_databases(instance), running=True)
    command = [sys.executable, "-m", f"services.{service}", word]
    return subprocess.run(command, env=environment(deployment, service), cwd=deployment.directory, check=False).returncode


def _revise(service: str, message: str) -> None:
    """On an empty database of the test servers, so that nothing but committed migrations counts."""
    from shared.migrations import revise, upgrade

    if service not in SERVICES:
        raise LaunchError(f"There is no service {service!r}: name one of {', '.join(SERVICES)} (SERVICE=).")
    if not message:
        raise LaunchError('Say what the migration does: MESSAGE="add a column".')
    with Instance("test").session() as urls, scratch(urls.postgres, service) as url:
        upgrade(service, url)
        revise(service, url, message)


def _status(instance: Instance) -> None:
    for server in (instance.postgres, instance.valkey, instance.rabbitmq):
        external = f"external ({server.variable})" if server not in instance.embedded() else ""
        print(f"{server.name:{NAME_WIDTH}} {external or ('up' if instance.is_up(server) else 'down')}")
    for name, pid in instance.services().items():
        print(f"{name:{NAME_WIDTH}} up, pid {pid}")


def _forget(instance: Instance, *, only: bool) -> None:
    """All data; `only` that of one instance."""
    data = instance.settings.data
    if only:
        _remove([instance.directory, *(path / instance.name for path in instance.postgres.elsewhere())])
        return
    for name in (DEFAULT, "test"):
        Instance(name, instance.settings).down()
    ours = [data] if data.name == ".data" else [data / name for name in OURS]  # EDUSTREAM_DATA may hold other things
    _remove([*instance.postgres.elsewhere(), *ours])


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            shutil.rmtree(path)


def _name(text: str) -> str:
    """It becomes a folder, which `clean` removes."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("a name is of small letters, digits and hyphens")
    return text


def _first(problems: BaseExceptionGroup[Exception]) -> str:
    first = problems.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else str(first)
