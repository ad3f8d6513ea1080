"""Types of the URLs in settings. What is wrong with one is said without showing any of it: passwords are in them, and what
stands behind a / or @ of a password is taken for a host, a port or a path, which a library's error then quotes."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _is_at_host(url: str, *schemes: str) -> bool:
    """Whether it has a host, and a port that is one. An @ further behind means that the password ended the host."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_address and "@" not in parts.path + parts.query + parts.fragment


def _base(url: str) -> str:
    """Paths are put behind it."""
    if not _is_at_host(url, "http", "https") or urlsplit(url).path.strip("/") or urlsplit(url).query:
        raise ValueError("must be like http://host:port")
    return url.rstrip("/")


def _amqp(url: str) -> str:
    if not _is_at_host(url, "amqp", "amqps"):
        raise ValueError("must be like amqp://user:password@host:5672/ or amqps://… (a password's / is %2F, its @ %40)")
    return url


def _redis(url: str) -> str:
    if not _is_at_host(url, "redis", "rediss"):
        raise ValueError("must be like redis://:password@host:6379/0 or rediss://… (a password's / is %2F, its @ %40)")
    return url


def _database(url: str) -> str:
    if url and not _is_of_postgresql(url):
        raise ValueError("must be like postgresql://user:password@host:5432/database (a password's / is %2F, its @ %40)")
    return url


def _is_of_postgresql(url: str) -> bool:
    from psycopg import ProgrammingError  # not above: the gateway has no database, and would start later
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError:
        return False
    has_ports = all(port.isdigit() for port in known.get("port", "5432").split(",") if port)
    is_address = has_ports and "@" not in known.get("host", "") + known.get("dbname", "")
    return is_address and url.startswith(("postgresql://", "postgres://"))


def _store(url: str) -> str:
    if url and not _is_of_store(url):
        raise ValueError("must be like file:///a/folder or s3://bucket")
    return url


def _is_of_store(url: str) -> bool:
    from obstore import parse_scheme  # not above: see _is_of_postgresql
    from obstore.exceptions import BaseError

    try:
        return bool(parse_scheme(url))
    except (BaseError, ValueError):
        return False


def _amqp_or_empty(url: str) -> str:
    return url and _amqp(url)


BaseUrl = Annotated[str, AfterValidator(_base)]
AmqpUrl = Annotated[str, AfterValidator(_amqp)]
AmqpUrlOrEmpty = Annotated[str, AfterValidator(_amqp_or_empty)]
RedisUrl = Annotated[str, AfterValidator(_redis)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
"""Or empty: not given. On a Unix socket, too: postgresql:///database?host=/run/postgresql"""
StoreUrl = Annotated[str, AfterValidator(_store)]
"""Or empty: not given."""
