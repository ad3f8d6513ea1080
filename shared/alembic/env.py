"""Alembic's environment, the same for all services: which one, and where, is in the configuration's attributes."""

import importlib
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from shared.migrations import LOCK_TIMEOUT, engine


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Revisions name SQLAlchemy's own types only."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


attributes = context.config.attributes
tables = importlib.import_module(f"services.{attributes['service']}.tables")

with engine(attributes["url"]).connect() as connection:
    # Two migrate jobs at once: the second waits, however long, then finds nothing to do.
    connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('migrations'))"))
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=tables.metadata, compare_type=True, render_item=_render)
    with context.begin_transaction():
        context.run_migrations()
