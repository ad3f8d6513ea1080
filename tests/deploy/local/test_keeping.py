"""What a checkout keeps between starts: its secrets, its place, and which processes are its own."""

import asyncio
import json
import os
import socketserver
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local import ports
from deploy.local.errors import LaunchError
from deploy.local.lifetime import Registry, birth, end
from deploy.local.place import only_one, stop_running
from deploy.local.secrets import load_or_create
from deploy.local.servers import Instance
from deploy.local.settings import Settings
from tests.waiting import eventually


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance("dev", Settings({"EDUSTREAM_DATA": str(tmp_path)}))


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "secrets.json", ["auth"])

    assert load_or_create(tmp_path / "secrets.json", ["auth"]) == made
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert isinstance(load_pem_private_key(made.jwt_private_key.encode(), None), Ed25519PrivateKey)


def test_a_new_service_gets_passwords_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = load_or_create(tmp_path / "secrets.json", ["auth"])
    after = load_or_create(tmp_path / "secrets.json", ["auth", "payments"])

    assert after.passwords["auth"] == before.passwords["auth"]
    assert after.passwords["payments"].owner != after.passwords["payments"].runtime


@pytest.mark.parametrize(("before", "after"), [(0o1777, 0o1777), (0o700, 0o711), (0o750, 0o751)])
def test_a_folder_that_was_there_stays_open_to_whom_it_was(instance: Instance, before: int, after: int) -> None:
    """Whoever keeps the data in /tmp must not shut it for all others."""
    instance.settings.data.chmod(before)

    with instance.lock():
        assert stat.S_IMODE(instance.settings.data.stat().st_mode) == after


def test_a_checkout_runs_once(instance: Instance) -> None:
    with only_one(instance.directory), pytest.raises(LaunchError, match="already runs"), only_one(instance.directory):
        pass


def test_a_runner_is_asked_to_go_and_waited_for(instance: Instance) -> None:
    code = (
        "import pathlib, sys, time; from deploy.local.place import only_one\n"
        "with only_one(pathlib.Path(sys.argv[1])): print('here', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(instance.directory)], stdout=subprocess.PIPE) as runner:
        assert runner.stdout
        runner.stdout.readline()

        stop_running(instance.directory)

        assert not birth(runner.pid)


def test_stopping_where_nothing_runs_is_no_error(instance: Instance) -> None:
    stop_running(instance.directory)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Instance]:
    """An instance that runs its broker only, which lives and does not answer yet."""
    elsewhere = {"DATABASE_SERVER_URL": "postgresql://elsewhere", "REDIS_URL": "redis://elsewhere"}
    instance = Instance("dev", Settings({"EDUSTREAM_DATA": str(tmp_path), **elsewhere}))
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        instance.registry.record("rabbitmq", process.pid)
        record = {"rabbitmq": {"port": ports.choose(), "password": "secret"}}
        (instance.directory / "servers.json").write_text(json.dumps(record))
        yield instance
        assert process.poll() is None, "the servers of a runner are its own to stop"
        process.kill()


class SecondAnswer(socketserver.BaseRequestHandler):
    """Answers as a broker does, but for the first who asks."""

    asked = 0

    def handle(self) -> None:
        type(self).asked += 1
        self.request.sendall(b"\x01" if self.asked > 1 else b"")


def test_servers_that_a_runner_is_starting_are_waited_for_and_left_to_it(broker: Instance) -> None:
    port = json.loads((broker.directory / "servers.json").read_text())["rabbitmq"]["port"]
    with socketserver.TCPServer((ports.LOOPBACK, port), SecondAnswer) as server, only_one(broker.directory):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with broker.session() as urls:
            assert urls.amqp == f"amqp://edustream:secret@127.0.0.1:{port}/"
        server.shutdown()

    assert SecondAnswer.asked == 2


def test_servers_of_a_runner_that_never_answer_are_told_in_one_sentence(
    broker: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.servers.instance.START_SECONDS", 0.1)
    with only_one(broker.directory), pytest.raises(LaunchError, match="do not answer"):
        broker.up()


def test_a_reused_pid_is_not_taken_for_the_process_that_had_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "processes.json")
    registry.record("me", os.getpid())
    assert registry.pid("me") == os.getpid()

    text = (tmp_path / "processes.json").read_text()
    (tmp_path / "processes.json").write_text(text.replace(birth(os.getpid()), "1"))

    assert registry.pid("me") is None


async def test_a_process_is_ended_with_its_children() -> None:
    code = "import subprocess, time; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); time.sleep(600)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    child = int(await process.stdout.readline())

    await asyncio.to_thread(end, process.pid)

    async def are_gone() -> bool:
        return not birth(process.pid) and not birth(child)

    await eventually(are_gone)
    await process.wait()
