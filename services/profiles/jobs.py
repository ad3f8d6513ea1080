"""What the profiles service's worker does from time to time, and the commands of its command line."""

from datetime import UTC, datetime
from typing import LiteralString

from services.profiles import photos
from services.profiles.actions import subjects, tutors
from services.profiles.queries import search, words
from services.profiles.queries import subjects as subject_queries
from services.profiles.queries import tutors as queries
from services.profiles.queries.subjects import Subject
from services.profiles.seeds import SUBJECTS
from shared import logs
from shared.db import Database
from shared.outbox import publish
from shared.storage import Storage
from shared.worker import Job, Runtime

BATCH = 200  # ids read at once
COMMON = 5000  # tutors

log = logs.get(__name__)


async def fold_counts(runtime: Runtime) -> None:
    """Add what triggers noted to the counts, until nothing is left."""
    for statement in (search.FOLD, search.FOLD_WORDS, search.FOLD_SEARCH):
        while await _fold(runtime.database, statement):
            pass


async def _fold(database: Database, statement: LiteralString) -> int:
    async with database.transaction() as tx:
        if not await tx.value(search.ALONE_NOW):
            return 0
        return await tx.run(statement)


async def drop_empty_counts(runtime: Runtime) -> None:
    """Forget counts of what no tutor is any more, and words that nobody wrote: they may be the name of someone who left."""
    async with runtime.database.transaction() as tx:
        await tx.value(search.ALONE)
        await tx.run(search.DROP_EMPTY)
        await tx.run(search.FORGET_WORDS)


async def count_common_words(runtime: Runtime) -> None:
    """Tell those who have a word apart by what else is searched for, once so many have it that counting them takes long."""
    while (word := await _next_common(runtime.database)) is not None:
        await _count_word(runtime.database, word)


async def _next_common(database: Database) -> str | None:
    async with database.reading() as tx:
        word: str | None = await tx.value(words.COMMON, tutors=COMMON)
    return word


async def _count_word(database: Database, word: str) -> None:
    """Profiles are saved meanwhile: whoever does not know yet that the word is noted is waited for, all others note it."""
    async with database.transaction() as tx:
        await tx.run(words.NOTE, word=word)
    async with database.transaction() as tx:
        await tx.run(words.WAIT_FOR_WRITERS)
    async with database.transaction() as tx:
        await tx.value(search.ALONE)  # two workers would count everybody twice
        await tx.run(words.TAKE_TIME)
        await tx.run(words.COUNT, word=word)
        await tx.run(words.COUNTED, word=word)


async def refresh_stale(runtime: Runtime) -> None:
    """Say and index anew the tutors of renamed subjects. Each in a transaction of its own, as everywhere: whoever has learnt the
    words of one and waits for another, while that one is saved with the same new words, would wait for ever."""
    refreshed = 0
    while await _refresh_next(runtime.database):
        refreshed += 1
    if refreshed:
        log.info("stale_tutors_refreshed", count=refreshed)


async def _refresh_next(database: Database) -> bool:
    async with database.transaction() as tx:
        tutor_id = await tx.value(queries.TAKE_STALE)
        if tutor_id is not None:
            await tutors.changed(tx, tutor_id, datetime.now(UTC))
    return tutor_id is not None


async def delete_photos(runtime: Runtime) -> None:
    """Delete the files of pictures that nobody shows any more. One that cannot be deleted keeps no other from it."""
    storage = photos.open_storage(runtime.settings)
    deleted = 0
    while (name := await _take_photo(runtime.database)) is not None:
        deleted += await _delete_photo(runtime.database, storage, name)
    if deleted:
        log.info("photos_deleted", count=deleted)


async def _take_photo(database: Database) -> str | None:
    async with database.transaction() as tx:
        name: str | None = await tx.value(queries.TAKE_STALE_PHOTO)
    return name


async def _delete_photo(database: Database, storage: Storage, name: str) -> bool:
    """Whether the file is gone. Outside of any transaction, because an object store may be slow."""
    try:
        await storage.delete(name)
    except Exception as error:  # whatever is wrong with one must not keep the others
        log.warning("photo_not_deleted", name=name, error=repr(error))
        return False
    async with database.transaction() as tx:
        await tx.run(queries.KEEP_PHOTO, name=name)
    return True


async def seed_subjects(runtime: Runtime) -> None:
    """The first list of subjects, where there is none yet."""
    async with runtime.database.transaction() as tx:
        if await tx.value(subject_queries.ANY):
            return
        for category, names in SUBJECTS.items():
            for name, description in names.items():
                values = {"name": name, "category": category, "description": description}
                await publish(tx, subjects.changed(await tx.one(Subject, subject_queries.CREATE, **values)))


async def resync(runtime: Runtime) -> None:
    """Say the state of every subject and tutor again, and enter every tutor into the catalogue anew."""
    async with runtime.database.transaction() as tx:
        known = await tx.all(Subject, subject_queries.ALL)
        await publish(tx, *(subjects.changed(s) for s in known))
    after = said = 0
    while ids := await _next_ids(runtime.database, after):
        for tutor_id in ids:
            await _say_again(runtime.database, tutor_id)
        after, said = ids[-1], said + len(ids)
    log.info("resynced", subjects=len(known), tutors=said)


async def _next_ids(database: Database, after: int) -> list[int]:
    async with database.reading() as tx:
        return [row["id"] for row in await tx.rows(queries.NEXT_IDS, after=after, batch=BATCH)]


async def _say_again(database: Database, tutor_id: int) -> None:
    async with database.transaction() as tx:
        await tutors.say_again(tx, tutor_id, datetime.now(UTC))


JOBS = (
    Job("fold_catalogue_counts", 2, fold_counts),
    Job("drop_empty_counts", 3600, drop_empty_counts),
    Job("count_common_words", 600, count_common_words),
    Job("refresh_stale_tutors", 2, refresh_stale),
    Job("delete_stale_photos", 600, delete_photos),
)
