"""Messages as the sockets and the notifications are told of them: each after those before it in its thread, and never what was
deleted since."""

from datetime import timedelta
from typing import Any

from services.notifications import actions, queries, rules
from services.notifications.actions import News
from services.notifications.live import Live
from services.notifications.queries import Side, Turn
from shared.db import Database, Tx
from shared.events.base import Envelope
from shared.events.messaging import MessageDelivered, MessageEdited, MessagesRead
from shared.types import format_instant

PATIENCE = timedelta(seconds=5)  # for a message that others overtook: later than that it may never come

Sides = dict[int, Side]
"""A conversation, by whose side it is."""


async def deliver(tx: Tx, event: MessageDelivered) -> None:
    """Tell of a message, and of those that waited for it; one that is too early waits itself."""
    sides = await _meet(tx, event.sender_id, event.recipient_id)
    told = sides[event.recipient_id].told
    if event.position is None or told is None or event.position <= told + 1:  # an older messaging did not number them
        await _tell_from(tx, event, sides)
    else:
        pair = _pair(event.sender_id, event.recipient_id)
        await tx.run(queries.HOLD, **pair, position=event.position, event=event.to_json().decode())


async def tell_early(database: Database) -> None:
    """Tell of messages that have waited too long for one before them."""
    while True:
        async with database.transaction() as tx:
            pair = await tx.rows(queries.WAITED_TOO_LONG, patience=PATIENCE)
            if not pair:
                return
            low_id, high_id = pair[0]["low_id"], pair[0]["high_id"]
            sides = await _meet(tx, low_id, high_id)
            early = await tx.value(queries.TAKE_EARLIEST, low_id=low_id, high_id=high_id, patience=PATIENCE)
            if early is not None:  # nobody else has told of it meanwhile
                await _tell_from(tx, _event(early), sides)


async def change(tx: Tx, event: MessageEdited) -> None:
    """Another text, or none: in the log as well, from which those who reconnect are told. Older news of it is dropped."""
    await _meet(tx, event.sender_id, event.recipient_id)
    known = {"message_id": event.message_id, "message": event.message}
    if not await tx.run(queries.NOTE_EDIT, **known, sender_id=event.sender_id, edited_at=event.edited_at):
        return
    people = [event.recipient_id, event.sender_id]
    if event.read_up_to is not None:
        pair = {"user_id": event.recipient_id, "other_id": event.sender_id}
        await tx.run(queries.HAS_READ, **pair, read_up_to=event.read_up_to)
    await tx.run(queries.REWORD_LOG, **known, user_ids=people)
    fields: dict[str, Any] = {
        "type": "message_deleted" if event.message is None else "message_edited",
        "message_id": event.message_id,
        "sender_id": event.sender_id,
        "recipient_id": event.recipient_id,
        "message": event.message,
        "edited_at": format_instant(event.edited_at),
    }
    messages = [Live(user_id, fields) for user_id in people]
    if event.message is None:
        key = rules.thread_key(event.sender_id)
        messages += await actions.take_back(tx, event.recipient_id, key, event.message_id, event.read_up_to)
    await actions.tell(tx, event, [], messages)


async def read(tx: Tx, event: MessagesRead) -> None:
    """The writer sees the marks, the reader's other devices too; the thread's notification has served its purpose."""
    read_up_to = event.read_up_to or max(event.message_ids, default=0)
    pair = {"user_id": event.reader_id, "other_id": event.other_user_id}
    await _meet(tx, event.reader_id, event.other_user_id)
    await tx.run(queries.HAS_READ, **pair, read_up_to=read_up_to)
    fields = {
        "type": "message_read",
        "reader_id": event.reader_id,
        "other_user_id": event.other_user_id,
        "message_ids": event.message_ids,
        "read_at": format_instant(event.read_at),
    }
    is_blocked = await tx.value(queries.IS_BLOCKED, **pair)
    messages = [Live(user_id, fields) for user_id in ([] if is_blocked else [event.other_user_id]) + [event.reader_id]]
    key = rules.thread_key(event.other_user_id)
    notified = await tx.rows(queries.READ_THREAD, user_id=event.reader_id, fold_key=key, read_up_to=read_up_to)
    messages += [actions.is_read(event.reader_id, row["id"]) for row in notified]
    await actions.tell(tx, event, [], messages)


async def _meet(tx: Tx, one: int, other: int) -> Sides:
    """From now on, until commit, nobody else tells of anything between the two."""
    return {side.user_id: side for side in await tx.all(Side, queries.MEET, one=one, other=other)}


async def _tell_from(tx: Tx, event: MessageDelivered, sides: Sides) -> None:
    """Tell of a message and of those right after it that have come already."""
    pair = _pair(event.sender_id, event.recipient_id)
    news: list[News] = []
    following: MessageDelivered | None = event
    while following is not None:
        turn = await tx.one(Turn, queries.HAS_TOLD, **pair, message_id=following.message_id, position=following.position)
        news += _news(following, turn, sides)
        following = _event(turn.following) if turn.following else None
    await actions.tell_all(tx, news, {side.user_id for side in sides.values() if side.is_purged})


def _news(event: MessageDelivered, turn: Turn, sides: Sides) -> list[News]:
    """Both people's devices get it; the recipient is notified, unless it was read before this event came by. None if deleted."""
    if turn.is_edited and turn.message is None:
        return []
    fields = _fields(event) | ({"message": turn.message} if turn.is_edited else {})
    if sides[event.sender_id].is_purged:
        fields |= {"sender_name": rules.NOBODY, "sender_email": ""}
    messages = [
        Live(event.recipient_id, {"type": "new_message"} | fields),
        Live(event.sender_id, {"type": "message_sent"} | fields),
    ]
    is_unread = event.message_id > sides[event.recipient_id].read_up_to
    return [News(event, [rules.of_message(event)] if is_unread else [], messages)]


def _fields(event: MessageDelivered) -> dict[str, Any]:
    return {
        "message_id": event.message_id,
        "sender_id": event.sender_id,
        "sender_name": event.sender_name,
        "sender_email": event.sender_email,
        "recipient_id": event.recipient_id,
        "message": event.message,
        "booking_id": event.booking_id,
        "attachment_id": event.attachment_id,
        "attachment_name": event.attachment_name,
        "created_at": format_instant(event.created_at),
    }


def _pair(one: int, other: int) -> dict[str, int]:
    return {"low_id": min(one, other), "high_id": max(one, other)}


def _event(text: str) -> MessageDelivered:
    return Envelope.model_validate_json(text).event(MessageDelivered)
