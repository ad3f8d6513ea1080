"""Alembic's environment, the same for all services: which one, and where, is in the configuration's attributes."""

import importlib
import time
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from shared.migrations import LOCK_TIMEOUT, engine

POLL = 0.2  # seconds


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Revisions name SQLAlchemy's own types only."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


attributes = context.config.attributes
tables = importlib.import_module(f"services.{attributes['service']}.tables")

with engine(attributes["url"]).connect() as connection:
    # Two migrate jobs at once: the second waits, however long, then finds nothing to do. It asks again and again, because one
    # statement that waits is a transaction, for whose end an index that the first builds CONCURRENTLY would wait in turn.
    while not connection.scalar(sa.text("SELECT pg_try_advisory_lock(hashtext('migrations'))")):
        connection.rollback()
        time.sleep(POLL)
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        compare_type=True,
        render_item=_render,
        transaction_per_migration=True,  # so that no lock outlasts the revision that needs it
    )
    with context.begin_transaction():
        context.run_migrations()
