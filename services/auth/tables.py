"""The auth service's database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)


class _Table(SQLModel, registry=_registry):
    pass


class Accounts(_Table, table=True):
    """People who may sign in. `version` grows with every change of the public state; `token_version` with every revocation."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.CheckConstraint("role IN ('student', 'tutor', 'admin')", "role_is_known"),
        sa.UniqueConstraint("email", name="email_is_unique"),
        sa.Index("accounts_newest", sa.text("created_at DESC"), sa.text("id DESC")),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    email: str = Field(sa_type=CITEXT)
    password_hash: str
    role: str
    first_name: str
    last_name: str
    phone: str | None
    avatar_name: str = Field(sa_column_kwargs={"server_default": "default.png"})
    currency: str = Field(sa_column_kwargs={"server_default": "USD"})
    timezone: str = Field(sa_column_kwargs={"server_default": "UTC"})
    is_active: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    is_verified: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    email_notifications: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    push_notifications: bool = Field(sa_column_kwargs={"server_default": sa.true()})
    sms_notifications: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    version: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "1"})
    token_version: int = Field(sa_column_kwargs={"server_default": "1"})
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})
    updated_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})
    deleted_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    purged_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
