"""Second thoughts: editing and deleting what one wrote."""

import json
from datetime import datetime
from typing import Any

from services.messaging import queries, rules
from services.messaging.actions.blocking import refuse_blocked
from services.messaging.actions.reading import MessageNotFound, own_message
from services.messaging.queries import Message
from shared.auth import Principal
from shared.db import Tx
from shared.errors import Forbidden
from shared.events.messaging import MessageEdited, MessagingAudited
from shared.outbox import publish
from shared.types import format_instant


class NotYoursToChange(Forbidden):
    detail = "Only the sender may change a message."


async def edit(tx: Tx, actor: Principal, message_id: int, text: str, now: datetime) -> Message:
    """Another text for a message just sent. Raises `MessageNotFound`, `NotYoursToChange`, `Blocked`, `TooLateToEdit`."""
    message = await _own(tx, actor, message_id)
    await refuse_blocked(tx, actor.user_id, message.recipient_id)  # a blocked person reaches nobody by editing either
    rules.refuse_late_edit(message.created_at, now)
    edited = await tx.maybe(Message, queries.EDIT, id=message_id, text=text, now=now)
    if edited is None or edited.edited_at is None:
        raise MessageNotFound  # deleted since
    await _reword_answer(tx, message, {"message": text, "edited_at": format_instant(edited.edited_at)})
    await _tell(tx, message, text, edited.edited_at)
    return await tx.one(Message, queries.MESSAGE, id=message_id)


async def delete(tx: Tx, actor: Principal, message_id: int, now: datetime) -> None:
    """Leave a tombstone: nobody can read it or get its file any more. Raises `MessageNotFound`, `NotYoursToChange`."""
    message = await _own(tx, actor, message_id)
    side = {"owner_id": message.recipient_id, "other_id": message.sender_id}
    await tx.run(queries.LOCK_SIDE, **side)
    gone = await tx.maybe(Message, queries.DELETE, id=message_id, now=now)
    if gone is None:
        raise MessageNotFound  # deleted since
    read_up_to = await _one_less_unread(tx, side) if gone.read_at is None else None
    await tx.run(queries.DETACH, message_id=message_id)
    await _reword_answer(tx, message, {"message": "", "attachment": None, "is_deleted": True})
    await _tell(tx, message, None, now, read_up_to)
    await publish(tx, MessagingAudited.of("message_deleted", actor, "message", message_id, recipient_id=message.recipient_id))


async def _own(tx: Tx, actor: Principal, message_id: int) -> Message:
    message = await own_message(tx, actor, message_id)
    if message.sender_id != actor.user_id:
        raise NotYoursToChange
    return message


async def _one_less_unread(tx: Tx, side: dict[str, int]) -> int | None:
    """The last message of the thread, if none up to it is unread any more."""
    if await tx.value(queries.ONE_LESS_UNREAD, **side):
        return None
    last_id: int = await tx.value(queries.LAST_ID, **side)
    return last_id


async def _reword_answer(tx: Tx, sent: Message, changes: dict[str, Any]) -> None:
    """A repeated request to send it is answered with what the message says now."""
    await tx.run(queries.REWORD_ANSWER, id=sent.id, sender_id=sent.sender_id, changes=json.dumps(changes))


async def _tell(tx: Tx, message: Message, text: str | None, now: datetime, read_up_to: int | None = None) -> None:
    edited = MessageEdited(
        message_id=message.id,
        sender_id=message.sender_id,
        recipient_id=message.recipient_id,
        message=text,
        edited_at=now,
        read_up_to=read_up_to,
    )
    await publish(tx, edited)
