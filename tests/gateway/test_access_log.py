"""The access log beside what is wrong with where it goes."""

from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from gateway.access import AccessLog
from gateway.clients import Client
from gateway.server.request import Request

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a disk that is always full")
async def test_a_full_disk_ends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.MAX_LINES", 3)
    all_were_noted = False
    with suppress(OSError), _opened(FULL) as stream:  # which cannot be closed in peace
        log = AccessLog(enabled=True, stream=stream)
        for _ in range(10):
            log.write(_Exchange(), 0.001)
        log.flush()
        all_were_noted = True

    assert all_were_noted


def _opened(path: Path) -> TextIO:
    return path.open("w")


class _Exchange:
    request, client = Request(), Client("127.0.0.1", "127.0.0.1", "http", b"")
    status, template, user_id = 200, "/api/tutors", None
