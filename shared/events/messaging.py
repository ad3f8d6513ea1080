"""What the messaging service says. Whatever carries a message's text is private."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import AuditRecorded, Event


class MessageSent(Event):
    """One person wrote to another (no text: for counting and dashboards)."""

    type: ClassVar[str] = "messaging.message.sent.v1"

    message_id: int
    sender_id: int
    recipient_id: int
    booking_id: int | None = None
    has_attachment: bool = False


class MessageDelivered(Event):
    """The message itself, for the sockets and notifications of the two people. Private."""

    type: ClassVar[str] = "messaging.message.delivered.v1"
    private: ClassVar[bool] = True

    message_id: int
    sender_id: int
    sender_name: str
    sender_email: str
    recipient_id: int
    message: str
    booking_id: int | None = None
    attachment_id: int | None = None
    attachment_name: str | None = None
    created_at: datetime
    position: int | None = None
    """Its place in the conversation of the two, from 1 without gaps."""


class MessageEdited(Event):
    """The text was changed, or (`message` None) the message was deleted. Private."""

    type: ClassVar[str] = "messaging.message.edited.v1"
    private: ClassVar[bool] = True

    message_id: int
    sender_id: int
    recipient_id: int
    message: str | None
    edited_at: datetime
    read_up_to: int | None = None
    """Of a deleted one that was the last unread: nothing of the sender's up to this message is unread any more."""


class MessagesRead(Event):
    """The reader saw these messages of the other side."""

    type: ClassVar[str] = "messaging.message.read.v1"

    reader_id: int
    other_user_id: int
    message_ids: list[int]
    read_at: datetime
    read_up_to: int | None = None
    """Nothing of the other side up to this message is unread: it may be a deleted one, beyond the last of `message_ids`."""


class BlockChanged(Event):
    """One person does not want to hear from another any more, or does again. Private."""

    type: ClassVar[str] = "messaging.block.changed.v1"
    private: ClassVar[bool] = True

    blocker_id: int
    blocked_id: int
    is_blocked: bool
    changed_at: datetime


class MessagingAudited(AuditRecorded):
    type: ClassVar[str] = "messaging.audit.recorded.v1"
