"""A database per service, with an owner that migrates it and a runtime role that can only read and write rows."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

LOCK = "SELECT pg_advisory_lock(hashtext('edustream roles'))"  # two launchers must not create the same role at once
PRIVILEGES = """
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {runtime};
"""
ACCESS = """
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {runtime};
"""


@dataclass(frozen=True)
class Passwords:
    """Of the two roles of one service."""

    owner: str
    runtime: str


@dataclass(frozen=True)
class DatabaseUrls:
    """How a service reaches its database, and how its migrations do."""

    runtime: str
    owner: str


def provision(server_url: str, service: str, database: str, passwords: Passwords, prefix: str = "edustream") -> DatabaseUrls:
    """Create roles and database where they are missing, and set the passwords; `server_url` is an administrator's."""
    owner, runtime = role_names(service, prefix)
    urls = DatabaseUrls(
        runtime=url_for(server_url, database, runtime, passwords.runtime),
        owner=url_for(server_url, database, owner, passwords.owner),
    )
    with connect(server_url) as admin:
        admin.execute(LOCK)
        _ensure_role(admin, owner, passwords.owner)
        _ensure_role(admin, runtime, passwords.runtime)
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
            create_database(admin, database, owner, runtime)
    with psycopg.connect(urls.owner, autocommit=True) as own:
        own.execute(sql.SQL(PRIVILEGES).format(runtime=sql.Identifier(runtime)))
    return urls


def create_database(admin: psycopg.Connection, database: str, owner: str, runtime: str, template: str = "template0") -> None:
    """A database that nobody but its owner and its runtime role can connect to."""
    names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner), "runtime": sql.Identifier(runtime)}
    create = "CREATE DATABASE {database} OWNER {owner} TEMPLATE {template} STRATEGY file_copy"
    admin.execute(sql.SQL(create).format(template=sql.Identifier(template), **names))
    admin.execute(sql.SQL(ACCESS).format(**names))


@contextlib.contextmanager
def scratch(server_url: str, label: str) -> Iterator[str]:
    """An empty database of the administrator's for the length of a block."""
    database = f"edustream_scratch_{label}_{os.getpid()}"
    with connect(server_url) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        try:
            yield url_for(server_url, database)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


def role_names(service: str, prefix: str = "edustream") -> tuple[str, str]:
    """The owner and the runtime role."""
    return f"{prefix}_{service}_owner", f"{prefix}_{service}"


def connect(server_url: str) -> psycopg.Connection:
    """The administrator's connection to the maintenance database."""
    return psycopg.connect(url_for(server_url, urlsplit(server_url).path.strip("/") or "postgres"), autocommit=True)


def url_for(server_url: str, database: str, user: str = "", password: str = "") -> str:
    """The URL of one database on a server, for another user if given."""
    parts = urlsplit(server_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user)}:{quote(password, safe='')}@{host}" if user else parts.netloc
    return parts._replace(netloc=netloc, path=f"/{database}").geturl()


def _ensure_role(admin: psycopg.Connection, role: str, password: str) -> None:
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(password))
    admin.execute(statement)
    # A managed server's administrator is no superuser: it may give a database only to a role that it is a member of.
    if not known and not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper").fetchone():
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
