"""Photos of tutors. A file is noted as stale before it is stored and until a profile shows it, and again when none shows it any
more; a job deletes stale files, so that nothing is lost or left over wherever a process may die."""

import secrets

from services.profiles.queries.tutors import DROP_PHOTO
from services.profiles.settings import ProfilesSettings
from shared.db import Database
from shared.settings import ServiceSettings
from shared.storage import Storage


def open_storage(settings: ServiceSettings) -> Storage:
    assert isinstance(settings, ProfilesSettings)  # noqa: S101  declared in app
    return Storage(settings.objects_url, "photos")


async def store(database: Database, storage: Storage, picture: bytes) -> str:
    """Store an encoded picture under a fresh name, which no profile shows yet."""
    name = f"{secrets.token_hex(16)}.webp"
    async with database.transaction() as tx:
        await tx.run(DROP_PHOTO, name=name)
    await storage.put(name, picture)
    return name
