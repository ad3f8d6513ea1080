"""Files, in a store that is there and in one that is not."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared import storage as storages
from shared.errors import NotFound, Unavailable
from shared.storage import Storage

Do = Callable[[Storage], Awaitable[object]]


async def test_a_file_is_there_until_it_is_deleted(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}", "pictures")
    await storage.put("one", b"content")
    assert await storage.get("one") == b"content"

    for _ in range(2):
        await storage.delete("one")

    with pytest.raises(NotFound):
        await storage.get("one")


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A bucket at an address where nobody listens."""
    for name, value in {"ENDPOINT": "http://127.0.0.1:1", "ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "key"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "nowhere")
    return Storage("s3://bucket", "pictures")


@pytest.mark.parametrize("do", [lambda s: s.put("one", b""), lambda s: s.get("one"), lambda s: s.delete("one")])
async def test_a_store_that_is_down_is_503_and_not_our_fault(gone: Storage, do: Do) -> None:
    with pytest.raises(Unavailable):
        await do(gone)


@pytest.mark.usefixtures("gone")
async def test_a_store_that_never_answers_is_503_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storages, "PATIENCE", timedelta(seconds=0.2))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable):
                await Storage("s3://bucket", "pictures").get("one")


async def test_a_store_that_refuses_is_503(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}", "pictures")
    (tmp_path / "pictures" / "one" / "directory").mkdir(parents=True)

    with pytest.raises(Unavailable):
        await storage.delete("one")
