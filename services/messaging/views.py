"""What clients send and get."""

from typing import Any, Self

from pydantic import BaseModel

from services.messaging.queries import Block, Found, Message, Thread
from services.messaging.search import highlight
from shared.paging import Page
from shared.types import Id, Instant, LongText, Maybe


class SendRequest(BaseModel):
    recipient_id: Id
    message: LongText
    booking_id: Id | None = None


class EditRequest(BaseModel):
    message: LongText


Caption = Maybe[LongText]
"""The words beside a file; none are needed."""
OptionalId = Maybe[Id]


class AttachmentView(BaseModel):
    id: int
    name: str
    content_type: str
    size: int
    url: str
    """Where a party of the conversation downloads it."""


class MessageView(BaseModel):
    """A message as its two people see it. A deleted one is a tombstone: `is_deleted`, and nothing of what it said."""

    id: int
    sender_id: int
    recipient_id: int
    message: str
    booking_id: int | None
    attachment: AttachmentView | None
    is_read: bool
    is_deleted: bool
    created_at: Instant
    edited_at: Instant | None

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(**_fields(message))


class ThreadView(BaseModel):
    """A conversation, with its newest message; `last_message` is the file's name where there are no words."""

    other_user_id: int
    other_user_name: str
    other_user_avatar: str
    last_message: str
    last_message_id: int
    last_message_sender_id: int
    last_message_is_deleted: bool
    last_message_at: Instant
    unread_count: int

    @classmethod
    def of(cls, thread: Thread) -> Self:
        return cls(
            other_user_id=thread.other_id,
            other_user_name=thread.other_name,
            other_user_avatar=thread.other_avatar,
            last_message=thread.text or thread.attachment_name or "",
            last_message_id=thread.message_id,
            last_message_sender_id=thread.sender_id,
            last_message_is_deleted=thread.deleted_at is not None,
            last_message_at=thread.created_at,
            unread_count=thread.unread_count,
        )


class ConversationView(BaseModel):
    """A page of a conversation: page 1 holds the newest messages, and inside a page they are in the order they were sent."""

    messages: list[MessageView]
    total: int
    page: int
    total_pages: int

    @classmethod
    def of(cls, messages: list[Message], total: int, page: Page) -> Self:
        return cls(messages=[MessageView.of(m) for m in messages], total=total, page=page.number, total_pages=page.pages(total))


class FoundView(MessageView):
    """A message that a search found. `highlight` is HTML: the words around the first match, with `<mark>` around each."""

    other_user_id: int
    other_user_name: str
    highlight: str

    @classmethod
    def of_found(cls, found: Found, words: list[str]) -> Self:
        return cls(
            **_fields(found),
            other_user_id=found.other_id,
            other_user_name=found.other_name,
            highlight=highlight(found.text, words),
        )


class SearchView(BaseModel):
    """A page of what a search found, newest first. More than 1000 are not counted: `total` is 1000 then."""

    messages: list[FoundView]
    total: int
    page: int
    total_pages: int

    @classmethod
    def of(cls, found: list[Found], words: list[str], total: int, page: Page) -> Self:
        messages = [FoundView.of_found(f, words) for f in found]
        return cls(messages=messages, total=total, page=page.number, total_pages=page.pages(total))


class UnreadView(BaseModel):
    unread_count: int


class AllReadView(BaseModel):
    message: str
    marked: int
    """How many messages were not read before."""


class BlockView(BaseModel):
    """Somebody whom you do not want to hear from."""

    user_id: int
    name: str
    avatar_url: str
    blocked_at: Instant

    @classmethod
    def of(cls, block: Block) -> Self:
        return cls(user_id=block.user_id, name=block.name, avatar_url=block.avatar_url, blocked_at=block.created_at)


def _fields(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "sender_id": message.sender_id,
        "recipient_id": message.recipient_id,
        "message": message.text,
        "booking_id": message.booking_id,
        "attachment": _attachment(message),
        "is_read": message.read_at is not None,
        "is_deleted": message.deleted_at is not None,
        "created_at": message.created_at,
        "edited_at": message.edited_at,
    }


def _attachment(message: Message) -> AttachmentView | None:
    if message.attachment_id is None:
        return None
    return AttachmentView(
        id=message.attachment_id,
        name=message.attachment_name or "",
        content_type=message.attachment_type or "",
        size=message.attachment_size or 0,
        url=f"/api/messages/attachments/{message.attachment_id}/download",
    )
