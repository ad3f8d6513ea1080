"""The messaging service's database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)

INSTANT = sa.DateTime(timezone=True)
LIVE = "deleted_at IS NULL"


class _Table(SQLModel, registry=_registry):
    pass


class People(_Table, table=True):
    """Replica of accounts: whom one can write to, and how they are shown."""

    __tablename__ = "people"

    id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    name: str
    email: str
    avatar_url: str
    is_active: bool


class Bookings(_Table, table=True):
    """Replica of bookings' parties: a message may name a booking of its two people."""

    __tablename__ = "bookings"

    id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=sa.BigInteger)
    student_id: int = Field(sa_type=sa.BigInteger)
    tutor_user_id: int = Field(sa_type=sa.BigInteger)


class Threads(_Table, table=True):
    """A conversation as one of its two people sees it. Both rows of a pair change together, locked in the order of `owner_id`:
    they number the messages, and make the thread list and the unread count one indexed read whatever the history."""

    __tablename__ = "threads"
    __table_args__ = (
        sa.CheckConstraint("owner_id <> other_id", "thread_has_two_people"),
        sa.CheckConstraint("unread_count BETWEEN 0 AND message_count", "unread_count_is_possible"),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], "owner_is_known"),
        sa.ForeignKeyConstraint(["other_id"], ["people.id"], "other_is_known"),
        sa.Index("threads_newest", "owner_id", sa.text("last_message_at DESC"), "other_id"),
        sa.Index("threads_unread", "owner_id", postgresql_include=["unread_count"], postgresql_where=sa.text("unread_count > 0")),
    )

    owner_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    other_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    message_count: int = Field(sa_type=sa.BigInteger)
    unread_count: int = Field(sa_type=sa.BigInteger)
    last_message_at: datetime = Field(sa_type=INSTANT)


class Messages(_Table, table=True):
    """Messages, numbered from 1 without gaps in each pair (`position`), so that any page of any conversation is one index range.
    A deleted one stays as a tombstone without text."""

    __tablename__ = "messages"
    __table_args__ = (
        sa.CheckConstraint(f"{LIVE} OR text = ''", "tombstone_has_no_text"),
        sa.UniqueConstraint("low_id", "high_id", "position", name="position_is_unique"),
        sa.Index("messages_unread", "recipient_id", "sender_id", postgresql_where=sa.text(f"read_at IS NULL AND {LIVE}")),
        # From the newest message of a person back: the two that search for words that most messages have.
        sa.Index("messages_of_low", "low_id", "id"),
        sa.Index("messages_of_high", "high_id", "id"),
        # People first: whatever the words, only the searcher's own messages are looked at. A short pending list keeps reads flat.
        sa.Index(
            "messages_search",
            sa.text("(ARRAY[low_id, high_id])"),
            "text",
            postgresql_using="gin",
            postgresql_ops={"text": "gin_trgm_ops"},
            postgresql_with={"gin_pending_list_limit": "256"},
        ),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    sender_id: int = Field(sa_type=sa.BigInteger)
    recipient_id: int = Field(sa_type=sa.BigInteger)
    low_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.Computed("LEAST(sender_id, recipient_id)", persisted=True), nullable=False)
    )
    high_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.Computed("GREATEST(sender_id, recipient_id)", persisted=True), nullable=False)
    )
    position: int = Field(sa_type=sa.BigInteger)
    text: str
    booking_id: int | None = Field(sa_type=sa.BigInteger)
    created_at: datetime = Field(sa_type=INSTANT)
    read_at: datetime | None = Field(sa_type=INSTANT)
    edited_at: datetime | None = Field(sa_type=INSTANT)
    deleted_at: datetime | None = Field(sa_type=INSTANT)


class Attachments(_Table, table=True):
    """Files sent with messages: at most one each. `object_name` is where the object store keeps it."""

    __tablename__ = "attachments"

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    message_id: int = Field(sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("messages.id"), unique=True, nullable=False))
    name: str
    content_type: str
    size: int = Field(sa_type=sa.BigInteger)
    object_name: str


class DoomedFiles(_Table, table=True):
    """Objects to remove from the store at `due_at`: an upload in progress is one until its message is committed, and the file
    of a deleted message becomes one. So neither a crash nor a failing store leaves a file that nobody can reach."""

    __tablename__ = "doomed_files"

    object_name: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=INSTANT, index=True)


class Blocks(_Table, table=True):
    """Who does not want to hear from whom."""

    __tablename__ = "blocks"
    __table_args__ = (
        sa.CheckConstraint("blocker_id <> blocked_id", "nobody_blocks_themselves"),
        sa.Index("blocks_newest", "blocker_id", sa.text("created_at DESC"), "blocked_id"),
    )

    blocker_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    blocked_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    created_at: datetime = Field(sa_type=INSTANT)
