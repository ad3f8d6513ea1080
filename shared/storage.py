"""Files (avatars, attachments): an object store by URL, a local directory by default."""

from pathlib import Path
from typing import Any

import obstore
from obstore.store import from_url

from shared.errors import NotFound


class Storage:
    """Objects by name below one prefix. Names are ours (random), never a client's."""

    def __init__(self, url: str, prefix: str) -> None:
        if url.startswith("file://"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        self._store: Any = from_url(url)
        self._prefix = prefix

    async def put(self, name: str, content: bytes) -> None:
        await obstore.put_async(self._store, f"{self._prefix}/{name}", content)

    async def get(self, name: str) -> bytes:
        """The whole object. Raises `NotFound`."""
        try:
            result = await obstore.get_async(self._store, f"{self._prefix}/{name}")
            return bytes(await result.bytes_async())
        except FileNotFoundError as error:
            raise NotFound("No such file.") from error

    async def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""
        try:
            await obstore.delete_async(self._store, f"{self._prefix}/{name}")
        except FileNotFoundError:
            return
