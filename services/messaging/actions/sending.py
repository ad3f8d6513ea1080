"""Writing to somebody."""

from datetime import datetime

from services.messaging import queries, replicas
from services.messaging.actions.blocking import refuse_blocked_correspondents
from services.messaging.attachments import Upload
from services.messaging.queries import Message, Person
from services.messaging.replicas import Owners, is_booking_of
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, NotFound, Unavailable
from shared.events.messaging import MessageDelivered, MessageSent
from shared.outbox import publish


class MessageToOneself(BadRequest):
    detail = "You cannot write to yourself."


class RecipientNotFound(NotFound):
    detail = "There is no such person to write to."


class BookingNotFound(NotFound):
    detail = "There is no such booking of you and this person."


async def send(
    tx: Tx,
    owners: Owners,
    actor: Principal,
    recipient_id: int,
    text: str,
    booking_id: int | None,
    now: datetime,
    upload: Upload | None = None,
) -> Message:
    """Write to somebody. Raises `MessageToOneself`, `RecipientNotFound`, `Blocked`, `BookingNotFound`."""
    sender, recipient = await correspondents(tx, owners, actor, recipient_id, booking_id)
    parties = {"sender_id": sender.id, "recipient_id": recipient.id}
    message = await tx.one(Message, queries.SEND, **parties, text=text, booking_id=booking_id, now=now)
    if upload:
        message = await _attach(tx, message, upload)
    await _tell(tx, message, sender)
    return message


async def correspondents(
    tx: Tx, owners: Owners, actor: Principal, recipient_id: int, booking_id: int | None
) -> tuple[Person, Person]:
    """The actor, and whom the actor may write to, about this booking. Raises what `send` does."""
    if recipient_id == actor.user_id:
        raise MessageToOneself
    sender, recipient = await replicas.correspondents(tx, owners, actor.user_id, recipient_id)
    if recipient is None:
        raise RecipientNotFound
    await refuse_blocked_correspondents(tx, actor.user_id, recipient_id)
    if booking_id and not await is_booking_of(tx, owners, booking_id, actor.user_id, recipient_id):
        raise BookingNotFound
    return sender, recipient


async def _attach(tx: Tx, message: Message, upload: Upload) -> Message:
    """Claim the stored file for the message: from now on it is no longer doomed."""
    if not await tx.run(queries.SPARE_FILE, object_name=upload.object_name):
        raise Unavailable("The upload took too long. Send it again.")
    file = {"name": upload.name, "content_type": upload.content_type, "size": upload.size, "object_name": upload.object_name}
    await tx.run(queries.ATTACH, message_id=message.id, **file)
    return await tx.one(Message, queries.MESSAGE, id=message.id)


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
        position=message.position,
    )
    await publish(tx, sent, delivered)
