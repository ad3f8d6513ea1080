"""What a checkout keeps between starts: its secrets, its place, and which processes are its own."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

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


def test_a_checkout_runs_once(instance: Instance) -> None:
    with only_one(instance), pytest.raises(LaunchError, match="already runs"), only_one(instance):
        pass


def test_a_runner_is_asked_to_go_and_waited_for(instance: Instance) -> None:
    code = (
        "import sys, time; from deploy.local.place import only_one; from deploy.local.servers import Instance\n"
        "from deploy.local.settings import Settings\n"
        "with only_one(Instance('dev', Settings({'EDUSTREAM_DATA': sys.argv[1]}))): print('here', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(instance.settings.data)], stdout=subprocess.PIPE) as runner:
        assert runner.stdout
        runner.stdout.readline()

        stop_running(instance)

        assert not birth(runner.pid)


def test_stopping_where_nothing_runs_is_no_error(instance: Instance) -> None:
    stop_running(instance)


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
