"""The notifications service's database."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)

INSTANT = sa.DateTime(timezone=True)
NOW = {"server_default": sa.func.now()}


def _identity() -> Any:
    return Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))


def _key() -> Any:
    return Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))


class _Table(SQLModel, registry=_registry):
    pass


class People(_Table, table=True):
    """Replica of accounts: how to reach somebody, and what they want to be told."""

    __tablename__ = "people"

    id: int = _key()
    version: int = Field(sa_type=sa.BigInteger)
    email: str
    first_name: str
    timezone: str
    is_active: bool
    is_purged: bool
    wants_email: bool
    wants_push: bool
    wants_sms: bool


class Notifications(_Table, table=True):
    """What a person was told in the app. `fold_key` gathers what belongs together into one row until it is read."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "user_id", name="once_per_event_and_person"),
        sa.Index(
            "unread_is_folded",
            "user_id",
            "fold_key",
            unique=True,
            postgresql_where=sa.text("NOT is_read AND fold_key IS NOT NULL"),
        ),
        sa.Index("notifications_newest", "user_id", sa.text("created_at DESC"), sa.text("id DESC")),
        sa.Index(
            "notifications_unread",
            "user_id",
            sa.text("created_at DESC"),
            sa.text("id DESC"),
            postgresql_where=sa.text("NOT is_read"),
        ),
        sa.Index("notifications_about", "about_id", postgresql_where=sa.text("about_id IS NOT NULL")),
    )

    id: int | None = _identity()
    user_id: int = Field(sa_type=sa.BigInteger)
    event_id: UUID
    kind: str
    title: str
    message: str
    data: dict[str, Any] = Field(sa_column=sa.Column(JSONB, nullable=False))
    about_id: int | None = Field(sa_type=sa.BigInteger)
    about_name: str | None
    """Whose name `message` quotes."""
    anonymous: str | None
    """`message` without that name, and without what that person wrote: what is left when the account is purged."""
    fold_key: str | None
    folded: int = Field(sa_column_kwargs={"server_default": "1"})
    newest_id: int | None = Field(sa_type=sa.BigInteger)
    """The newest message folded in here: having read it means having seen this."""
    oldest_id: int | None = Field(sa_type=sa.BigInteger)
    """The first message folded in here: one from before was not counted."""
    is_read: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    created_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW)


class Deliveries(_Table, table=True):
    """What is to leave by e-mail (or push, SMS), once for each event, person and channel. `attempts` is also the fencing token of
    the claim: who holds an older one may not send any more."""

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "user_id", "channel", name="once_per_event_person_and_channel"),
        sa.CheckConstraint(
            "status IN ('waiting', 'handed_over', 'sent', 'refused', 'skipped', 'expired', 'unknown')", "status_is_known"
        ),
        sa.Index("deliveries_due", "channel", "priority", "next_at", postgresql_where=sa.text("status = 'waiting'")),
        sa.Index("deliveries_handed_over", "next_at", postgresql_where=sa.text("status = 'handed_over'")),
        sa.Index("deliveries_of_person", "user_id"),
        sa.Index("deliveries_finished", "finished_at", postgresql_where=sa.text("finished_at IS NOT NULL")),
    )

    id: int | None = _identity()
    event_id: UUID
    user_id: int = Field(sa_type=sa.BigInteger)
    channel: str
    kind: str
    address: str | None
    """Where to, when the event said so; else where the person's account says at the time of sending."""
    content: dict[str, Any] = Field(sa_column=sa.Column(JSONB, nullable=False))
    """What the templates word; emptied when the delivery is finished, for it may hold a token."""
    notification_id: int | None = Field(sa_type=sa.BigInteger)
    """The notification that, read or gone until then, makes sending this needless."""
    priority: int = Field(sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "1"})
    """0 is sent before 1: somebody waits for it."""
    status: str = Field(sa_column_kwargs={"server_default": "waiting"})
    attempts: int = Field(sa_column_kwargs={"server_default": "0"})
    next_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW)
    not_after: datetime = Field(sa_type=INSTANT)
    error: str | None
    created_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW)
    finished_at: datetime | None = Field(sa_type=INSTANT)


class Threads(_Table, table=True):
    """Who has written with whom (a row for each direction), up to which message `user_id` has read, and how many of the thread
    were told (unknown: it is from before that was counted)."""

    __tablename__ = "threads"

    user_id: int = _key()
    other_id: int = _key()
    read_up_to: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    told: int | None = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})


class EarlyMessages(_Table, table=True):
    """Messages that overtook those before them in their thread: told after them."""

    __tablename__ = "early_messages"

    low_id: int = _key()
    high_id: int = _key()
    position: int = _key()
    event: str
    held_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW, index=True)


class Edits(_Table, table=True):
    """The last that was heard of a changed message: its text, or none when it was deleted. The message itself may come later."""

    __tablename__ = "edits"

    message_id: int = _key()
    sender_id: int = Field(sa_type=sa.BigInteger, index=True)
    message: str | None
    edited_at: datetime = Field(sa_type=INSTANT)
    noted_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW, index=True)


class BookingMoves(_Table, table=True):
    """The version of each booking that was heard of last: what comes after it and is older is no news."""

    __tablename__ = "booking_moves"

    booking_id: int = _key()
    version: int = Field(sa_type=sa.BigInteger)


class Blocks(_Table, table=True):
    """Replica of messaging's blocks; one that was lifted stays as a row, so that older news of it is known to be old."""

    __tablename__ = "blocks"

    blocker_id: int = _key()
    blocked_id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False, index=True))
    is_blocked: bool
    changed_at: datetime = Field(sa_type=INSTANT)


class LiveHeads(_Table, table=True):
    """The number of the last socket message of each person. Its row lock makes numbers follow the order of commits."""

    __tablename__ = "live_heads"

    user_id: int = _key()
    last: int = Field(sa_type=sa.BigInteger)


class LiveMessages(_Table, table=True):
    """Socket messages of the last day, for those who reconnect."""

    __tablename__ = "live_messages"
    __table_args__ = (sa.Index("live_messages_oldest", "created_at"),)

    user_id: int = _key()
    event_id: int = _key()
    body: str
    created_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW)


class Hubs(_Table, table=True):
    """Processes that hold sockets. One whose heart stopped is gone, and so are its connections."""

    __tablename__ = "hubs"

    id: UUID = Field(primary_key=True)
    beat_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs=NOW)


class Connected(_Table, table=True):
    """Which hub holds sockets of whom."""

    __tablename__ = "connected"
    __table_args__ = (
        sa.ForeignKeyConstraint(["hub_id"], ["hubs.id"], "hub_is_alive", ondelete="CASCADE"),
        sa.Index("connected_users", "user_id"),
    )

    hub_id: UUID = Field(primary_key=True)
    user_id: int = _key()


class Presence(_Table, table=True):
    """What was last said of somebody: online or not. `version` grows with every change."""

    __tablename__ = "presence"

    user_id: int = _key()
    is_online: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    version: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
