"""The columns and the registry that all tables of the profiles service are made with."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)


class Table(SQLModel, registry=_registry):
    pass


def identity() -> Any:
    return Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))


def key(references: str | None = None, ondelete: str = "CASCADE") -> Any:
    """A primary key, or part of one, that somebody else gives out."""
    foreign = [sa.ForeignKey(references, ondelete=ondelete)] if references else []
    return Field(sa_column=sa.Column(sa.BigInteger, *foreign, primary_key=True, autoincrement=False))


def reference(references: str, **kwargs: Any) -> Any:
    return Field(sa_column=sa.Column(sa.BigInteger, sa.ForeignKey(references, ondelete="CASCADE"), nullable=False, **kwargs))


def big(default: str | None = None) -> Any:
    return Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": default} if default else {})


def default(text: str) -> Any:
    return Field(sa_column_kwargs={"server_default": sa.text(text)})


def instant(default: bool = False) -> Any:
    return Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()} if default else {})


def texts() -> Any:
    return Field(sa_column=sa.Column(ARRAY(sa.Text), nullable=False, server_default="{}"))


def entries() -> Any:
    return Field(sa_column=sa.Column(JSONB, nullable=False, server_default="[]"))
