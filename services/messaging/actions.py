"""What people can do with messages: each function is the inside of one transaction."""

from datetime import datetime

from services.messaging import queries
from services.messaging.queries import Message, Person, Thread
from services.messaging.replicas import Owners, active_person, is_booking_of, person_behind_token
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, Forbidden, NotFound
from shared.events.messaging import MessageDelivered, MessageSent
from shared.outbox import publish
from shared.paging import Page


class MessageToOneself(BadRequest):
    detail = "You cannot write to yourself."


class RecipientNotFound(NotFound):
    detail = "There is no such person to write to."


class BookingNotFound(NotFound):
    detail = "There is no such booking of you and this person."


class Blocked(Forbidden):
    """One of the two has blocked the other."""


async def send(
    tx: Tx, owners: Owners, actor: Principal, recipient_id: int, text: str, booking_id: int | None, now: datetime
) -> Message:
    """Write to somebody. Raises `MessageToOneself`, `RecipientNotFound`, `Blocked`, `BookingNotFound`."""
    if recipient_id == actor.user_id:
        raise MessageToOneself
    recipient = await active_person(tx, owners, recipient_id)
    if recipient is None:
        raise RecipientNotFound
    await refuse_blocked(tx, actor.user_id, recipient_id)
    if booking_id and not await is_booking_of(tx, owners, booking_id, actor.user_id, recipient_id):
        raise BookingNotFound
    sender = await person_behind_token(tx, owners, actor.user_id)
    parties = {"sender_id": sender.id, "recipient_id": recipient.id}
    message = await tx.one(Message, queries.SEND, **parties, text=text, booking_id=booking_id, now=now)
    await _tell(tx, message, sender)
    return message


async def refuse_blocked(tx: Tx, user_id: int, other_id: int) -> None:
    """Raises `Blocked` when either of the two has blocked the other."""
    blocker_id = await tx.value(queries.BLOCKER, one=user_id, other=other_id)
    if blocker_id == user_id:
        raise Blocked("You have blocked this person. Unblock them to write to them.")
    if blocker_id == other_id:
        raise Blocked("This person does not receive messages from you.")


async def threads(tx: Tx, actor: Principal, page: Page) -> list[Thread]:
    """The actor's conversations, the one with the newest message first."""
    return await tx.all(Thread, queries.THREADS, owner_id=actor.user_id, limit=page.size, offset=page.offset)


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


async def _tell(tx: Tx, message: Message, sender: Person) -> None:
    sent = MessageSent(
        message_id=message.id,
        sender_id=message.sender_id,
        recipient_id=message.recipient_id,
        booking_id=message.booking_id,
        has_attachment=message.attachment_id is not None,
    )
    delivered = MessageDelivered(
        message_id=message.id,
        sender_id=message.sender_id,
        sender_name=sender.name,
        sender_email=sender.email,
        recipient_id=message.recipient_id,
        message=message.text,
        booking_id=message.booking_id,
        attachment_id=message.attachment_id,
        attachment_name=message.attachment_name,
        created_at=message.created_at,
    )
    await publish(tx, sent, delivered)
