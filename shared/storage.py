"""Files (avatars, attachments): an object store by URL, a local directory by default."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from shared import logs
from shared.errors import NotFound, Unavailable

CONNECT_FOR = timedelta(seconds=3)
PATIENCE = timedelta(seconds=15)  # with all its further tries; a client waits for the answer

log = logs.get(__name__)


class Storage:
    """Objects by name below one prefix. Names are ours (random), never a client's. Raises `Unavailable` where the store is."""

    def __init__(self, url: str, prefix: str) -> None:
        if url.startswith("file://"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
            self._store: Any = from_url(url)
        else:
            retry: Any = {"max_retries": 2, "retry_timeout": PATIENCE}
            client: Any = {"connect_timeout": CONNECT_FOR, "timeout": PATIENCE}
            self._store = from_url(url, client_options=client, retry_config=retry)
        self._prefix = prefix

    async def put(self, name: str, content: bytes) -> None:
        with _reaching("put"):
            await obstore.put_async(self._store, f"{self._prefix}/{name}", content)

    async def get(self, name: str) -> bytes:
        """The whole object. Raises `NotFound`."""
        try:
            with _reaching("get"):
                result = await obstore.get_async(self._store, f"{self._prefix}/{name}")
                return bytes(await result.bytes_async())
        except FileNotFoundError as error:
            raise NotFound("No such file.") from error

    async def part(self, name: str, start: int, end: int) -> bytes:
        """The object's bytes from `start` to before `end`. Raises `NotFound`."""
        try:
            with _reaching("get"):
                return bytes(await obstore.get_range_async(self._store, f"{self._prefix}/{name}", start=start, end=end))
        except FileNotFoundError as error:
            raise NotFound("No such file.") from error

    async def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""
        with suppress(FileNotFoundError), _reaching("delete"):
            await obstore.delete_async(self._store, f"{self._prefix}/{name}")


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        log.warning("store_failed", operation=what, error=repr(error))
        raise Unavailable("Files cannot be reached at the moment. Try again.") from error
