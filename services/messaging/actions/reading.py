"""Reading: threads, conversations, search, and the marks that say what was read."""

from datetime import datetime

from services.messaging import queries
from services.messaging.queries import Attachment, Found, Message, Thread
from services.messaging.search import pattern
from shared.auth import Principal
from shared.db import Tx
from shared.errors import Forbidden, NotFound
from shared.events.messaging import MessagesRead
from shared.outbox import publish
from shared.paging import Page

READ_AT_ONCE = 1000  # message ids in one event
COUNTED = 1000  # messages that a search found; more are not counted
LATELY = 500  # messages to and from a person, of each, that say how common words are
COMMON = 25  # of them


class MessageNotFound(NotFound):
    detail = "There is no such message."


class AttachmentNotFound(NotFound):
    detail = "There is no such attachment."


class NotYoursToRead(Forbidden):
    detail = "Only the recipient marks a message as read."


async def threads(tx: Tx, actor: Principal, page: Page) -> list[Thread]:
    """The actor's conversations, the one with the newest message first."""
    return await tx.all(Thread, queries.THREADS, owner_id=actor.user_id, limit=page.limit, offset=page.offset)


async def conversation(tx: Tx, actor: Principal, other_id: int, page: Page) -> tuple[list[Message], int]:
    """A page of the messages with somebody, and how many there are in all. With nobody known, none."""
    total: int = await tx.value(queries.MESSAGE_COUNT, owner_id=actor.user_id, other_id=other_id) or 0
    last = total - page.offset
    if last < 1:
        return [], total
    pair = {"one": actor.user_id, "other": other_id}
    return await tx.all(Message, queries.CONVERSATION, **pair, first=last - page.size + 1, last=last), total


async def unread_count(tx: Tx, actor: Principal) -> int:
    count: int = await tx.value(queries.UNREAD_COUNT, owner_id=actor.user_id)
    return count


async def search(tx: Tx, actor: Principal, words: list[str], other_id: int | None, page: Page) -> tuple[list[Found], int]:
    """A page of the actor's messages that hold every word, newest first, and how many there are in all, up to `COUNTED`."""
    if other_id == actor.user_id:
        return [], 0
    wanted = {
        "user_id": actor.user_id,
        "other_id": other_id,
        "mine": [actor.user_id] if other_id is None else [actor.user_id, other_id],
        "longest": pattern(max(words, key=len)),
        "all": [pattern(word) for word in words],
    }
    is_common = await tx.value(queries.LATELY_FOUND, **wanted, lately=LATELY) >= COMMON
    count, find = (queries.COUNT_NEWEST, queries.SEARCH_NEWEST) if is_common else (queries.COUNT_INDEXED, queries.SEARCH_INDEXED)
    total: int = await tx.value(count, **wanted, most=COUNTED)
    most = page.offset + page.limit
    return await tx.all(Found, find, **wanted, most=most, limit=page.limit, offset=page.offset), total


async def mark_read(tx: Tx, actor: Principal, message_id: int, now: datetime) -> Message:
    """The message, read. Doing it again changes nothing. Raises `MessageNotFound`, `NotYoursToRead`."""
    message = await own_message(tx, actor, message_id)
    if message.recipient_id != actor.user_id:
        raise NotYoursToRead
    side = {"owner_id": actor.user_id, "other_id": message.sender_id}
    await tx.run(queries.LOCK_SIDE, **side)
    if await tx.run(queries.MARK_READ, id=message_id, now=now):
        left: int = await tx.value(queries.ONE_LESS_UNREAD, **side)
        await _tell(tx, actor, message.sender_id, [message_id], now, is_all=left == 0)
    return await tx.one(Message, queries.MESSAGE, id=message_id)


async def mark_all_read(tx: Tx, actor: Principal, other_id: int, now: datetime) -> int:
    """Everything that `other_id` wrote to the actor is read; how many messages were not yet."""
    side = {"owner_id": actor.user_id, "other_id": other_id}
    # Whoever is writing now comes before, and is counted, or after, and is unread. Where there was no thread to lock nothing had
    # been written: what comes meanwhile is after.
    if not await tx.run(queries.LOCK_SIDE, **side):
        return 0
    rows = await tx.rows(queries.MARK_ALL_READ, **side, now=now)
    ids = sorted(row["id"] for row in rows)
    if ids:
        await tx.run(queries.NONE_UNREAD, **side)
        await _tell(tx, actor, other_id, ids, now, is_all=True)
    return len(ids)


async def attachment(tx: Tx, actor: Principal, attachment_id: int) -> Attachment:
    """A file of one of the actor's conversations. Raises `AttachmentNotFound`, to strangers as well."""
    found = await tx.maybe(Attachment, queries.ATTACHMENT, id=attachment_id, user_id=actor.user_id)
    if found is None:
        raise AttachmentNotFound
    return found


async def own_message(tx: Tx, actor: Principal, message_id: int) -> Message:
    """A message that the actor wrote or got, unless deleted. Raises `MessageNotFound`, to strangers as well."""
    message = await tx.maybe(Message, queries.MESSAGE, id=message_id)
    if message is None or message.deleted_at or actor.user_id not in (message.sender_id, message.recipient_id):
        raise MessageNotFound
    return message


async def _tell(tx: Tx, actor: Principal, other_id: int, ids: list[int], now: datetime, *, is_all: bool) -> None:
    """When nothing is unread any more, that holds up to the very last message, even if that one was deleted."""
    parts = [ids[start : start + READ_AT_ONCE] for start in range(0, len(ids), READ_AT_ONCE)]
    said = [MessagesRead(reader_id=actor.user_id, other_user_id=other_id, message_ids=part, read_at=now) for part in parts]
    if is_all:
        last_id = await tx.value(queries.LAST_ID, owner_id=actor.user_id, other_id=other_id)
        said[-1] = said[-1].model_copy(update={"read_up_to": last_id})
    await publish(tx, *said)
