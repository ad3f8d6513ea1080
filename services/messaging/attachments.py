"""Files sent with messages: taken in, kept under random names in the object store, and removed without leaving orphans."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fastapi import UploadFile

from services.messaging import queries
from services.messaging.contents import kind_of
from services.messaging.names import safe_name
from services.messaging.settings import MessagingSettings
from shared import logs
from shared.db import Database
from shared.errors import TooLarge
from shared.storage import Storage
from shared.worker import Runtime

MAX_SIZE = 10 * 1024 * 1024
PART = 256 * 1024  # bytes of a file that is on its way to a client
PATIENCE = timedelta(hours=1)  # an upload whose message is not committed by then has failed
PAUSE = timedelta(minutes=5)  # until removing is tried again where the store failed

log = logs.get(__name__)


class FileTooLarge(TooLarge):
    detail = "A file may have at most 10 MiB."


@dataclass(frozen=True)
class Upload:
    """A file that was accepted; `digest` tells it from others sent with the same Idempotency-Key."""

    name: str
    content_type: str
    content: bytes
    digest: str
    object_name: str

    @property
    def size(self) -> int:
        return len(self.content)


def storage_of(settings: MessagingSettings) -> Storage:
    """Where attachments are kept."""
    url = settings.object_store_url or f"file://{Path(settings.data).absolute()}/objects"
    return Storage(url, "attachments")


async def accept(file: UploadFile) -> Upload:
    """Read and check what was sent. Raises `FileTooLarge`, `EmptyFile`, `UnsupportedFile`."""
    content = await file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise FileTooLarge
    return await asyncio.to_thread(_judge, content, file.filename)


async def keep(database: Database, storage: Storage, upload: Upload) -> None:
    """Store the file, doomed until its message spares it: whatever fails from here on, it will not be left behind."""
    async with database.transaction() as tx:
        await tx.run(queries.DOOM_FILE, object_name=upload.object_name, patience=PATIENCE)
    await storage.put(upload.object_name, upload.content)


async def opened(storage: Storage, object_name: str, size: int) -> AsyncIterator[bytes]:
    """The file in parts, each fetched when the client has taken those before it: a slow one holds little memory here, and nothing
    of the store. The first is fetched at once: raises `NotFound`, `Unavailable`."""
    first = await storage.part(object_name, 0, min(PART, size))

    async def parts() -> AsyncIterator[bytes]:
        yield first
        for start in range(PART, size, PART):
            yield await storage.part(object_name, start, min(start + PART, size))

    return parts()


async def remove_doomed(runtime: Runtime) -> None:
    """Remove from the store what is due. A crash in between removes it again, which does no harm."""
    assert isinstance(runtime.settings, MessagingSettings)  # noqa: S101  the service's own
    storage = storage_of(runtime.settings)
    while await _remove_some(runtime.database, storage):
        pass


async def _remove_some(database: Database, storage: Storage) -> int:
    async with database.transaction() as tx:
        names = [row["object_name"] for row in await tx.rows(queries.DUE_FILES)]
        for name in names:
            if await _removed(storage, name):
                await tx.run(queries.SPARE_FILE, object_name=name)
            else:
                await tx.run(queries.POSTPONE_FILE, object_name=name, pause=PAUSE)
    return len(names)


async def _removed(storage: Storage, name: str) -> bool:
    """One that cannot be removed now must not keep the others."""
    try:
        await storage.delete(name)
    except Exception as error:  # whatever the store raises
        log.warning("file_not_removed", object_name=name, error=repr(error))
        return False
    return True


def _judge(content: bytes, filename: str | None) -> Upload:
    """For a thread: ten mebibytes are too long to look at, and to digest, for the loop."""
    kind = kind_of(content)
    name = safe_name(filename, kind)
    return Upload(name, kind.content_type, content, hashlib.sha256(content).hexdigest(), secrets.token_hex(24))
