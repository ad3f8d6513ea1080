"""A database that answers and takes no writes: what a provider makes of one whose disk is nearly full."""

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = %s"


@contextlib.contextmanager
def read_only(url: str, admin: psycopg.Connection) -> Iterator[None]:
    """Until the block ends. Sessions keep what they began with, so that all are ended at both ends of it."""
    where = conninfo_to_dict(url)
    role, database = str(where["user"]), str(where["dbname"])
    of = sql.SQL("ALTER ROLE {} IN DATABASE {} ").format(sql.Identifier(role), sql.Identifier(database))
    admin.execute(of + sql.SQL("SET default_transaction_read_only = on"))
    try:
        admin.execute(END, (role, database))
        yield
    finally:
        admin.execute(of + sql.SQL("RESET default_transaction_read_only"))
        admin.execute(END, (role, database))
