"""A client that a tool makes of the OpenAPI document is whole, and works."""

import asyncio
import compileall
import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.settings import ROOT
from tests.e2e.people import Person, registers

CONFIG = ROOT / "tests" / "contracts" / "clients" / "python.yaml"
PACKAGE = "edustream_client"


@pytest.fixture(scope="module")
async def client(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The generated package, importable. What the tool cannot read is an error."""
    folder = tmp_path_factory.mktemp("client")
    command: list[str | Path] = [
        Path(sys.executable).with_name("openapi-python-client"),
        "generate",
        "--fail-on-warning",
        "--meta",
        "none",
    ]
    command += ["--config", CONFIG, "--path", ROOT / "docs" / "openapi.json", "--output-path", folder / PACKAGE]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_it_compiles(client: Path) -> None:
    assert compileall.compile_dir(client, quiet=1)
    assert len(list(client.glob("api/*/*.py"))) > 94


async def test_it_makes_a_call_and_reads_the_answer(client: Path, gateway: str) -> None:
    person: Person = await registers(gateway)
    get_me: Any = importlib.import_module(f"{PACKAGE}.api.authentication.auth_get_me")
    signed_in: Any = importlib.import_module(PACKAGE).AuthenticatedClient(
        base_url=gateway, token=person.token, httpx_args={"trust_env": False}, raise_on_unexpected_status=True
    )
    async with signed_in:
        me = await get_me.asyncio(client=signed_in)

    assert (type(me).__name__, me.id, me.email, me.role) == ("UserView", person.id, person.email, "student")
    assert me.created_at.tzinfo is not None


async def test_it_reads_a_refusal(client: Path, gateway: str) -> None:
    get_tutor: Any = importlib.import_module(f"{PACKAGE}.api.tutor_profiles.profiles_get_public_profile")
    stranger: Any = importlib.import_module(PACKAGE).Client(base_url=gateway, httpx_args={"trust_env": False})
    async with stranger:
        refused = await get_tutor.asyncio(999_999_999, client=stranger)

    assert (type(refused).__name__, refused.code) == ("Problem", "tutor_not_found")
