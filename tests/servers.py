"""Real PostgreSQL, Valkey and RabbitMQ for the tests: one set per run, apart for each parallel worker.

Where they come from, first that applies: DATABASE_SERVER_URL, REDIS_URL and AMQP_URL in the environment; throw-away containers
if EDUSTREAM_TEST_SERVERS=containers; none if EDUSTREAM_TEST_SERVERS=none (tests that need them are left out); else the embedded
ones of `deploy.local`. KEEP_SERVERS=1 leaves these running for the next run.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from deploy.local import databases as provisioning
from deploy.local.databases import DatabaseUrls, Passwords
from deploy.local.servers import Instance

ROOT = Path(__file__).parent.parent
HANDOVER = "EDUSTREAM_TEST_HANDOVER"  # how the controller tells its workers where the servers are
PREFIX = "edustream_test"
NEEDY = {"servers", "launched"}  # fixtures that start servers
SLOT_LOCK, TEMPLATE_LOCK = 7_391, 7_392
SLOTS = 64


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are; `broker` says how a vhost is made."""

    postgres: str
    redis: str
    amqp: str
    broker: str  # "embedded", "external", or the id of a container


class Databases(dict[str, str]):
    """The runtime URL of each service's database; the database is cloned from a migrated template when first asked for."""

    def __init__(self, servers: Servers, admin: psycopg.Connection, slot: int) -> None:
        super().__init__()
        self.owners: dict[str, str] = {}
        self._servers, self._admin, self._slot = servers, admin, slot
        self._emptying: dict[str, tuple[psycopg.Connection, sql.Composed]] = {}
        self._numbers = itertools.count(1)

    def __missing__(self, service: str) -> str:
        if importlib.util.find_spec(f"services.{service}") is None:
            raise KeyError(service)
        name = f"{PREFIX}_{self._slot}_{service}"
        _clone(self._servers, self._admin, service, name)
        urls = _urls(self._servers.postgres, service, name)
        self[service], self.owners[service] = urls.runtime, urls.owner
        return urls.runtime

    def blank(self, service: str) -> DatabaseUrls:
        """Another database for this service, with its roles and nothing in it."""
        name = f"{PREFIX}_{self._slot}_blank{next(self._numbers)}_{service}"
        return provisioning.provision(self._servers.postgres, service, name, _passwords(self._servers.postgres, service), PREFIX)

    def empty(self) -> None:
        """Forget every row, but migrations' versions and the tables named in `tables.SEEDED`."""
        for service, url in self.items():
            if service not in self._emptying:
                self._emptying[service] = _ready_to_empty(self._servers.postgres, service, url)
            connection, statements = self._emptying[service]
            connection.execute(statements)

    def close(self) -> None:
        for connection, _ in self._emptying.values():
            connection.close()


def pytest_configure(config: pytest.Config) -> None:
    """Parallel runs: start the servers once, in the controller, before it starts its workers."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or not getattr(config.option, "numprocesses", None) or config.option.collectonly or _unwanted():
        return
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    os.environ[HANDOVER] = json.dumps(asdict(stack.enter_context(_running())))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without servers, leave out the tests that need them."""
    if not _unwanted():
        return
    needy = [item for item in items if NEEDY.intersection(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=needy)
    items[:] = [item for item in items if item not in needy]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run."""
    with contextlib.ExitStack() as stack:
        handed = os.environ.get(HANDOVER)
        yield Servers(**json.loads(handed)) if handed else stack.enter_context(_running())


@pytest.fixture(scope="session")
def admin(servers: Servers) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the maintenance database."""
    with provisioning.connect(servers.postgres) as connection:
        yield connection


@pytest.fixture(scope="session")
def slot(servers: Servers, admin: psycopg.Connection) -> int:
    """This worker's number, unlike that of any other worker of any run on these servers. Free again however it ends."""
    for number in range(1, SLOTS if servers.broker == "embedded" else 16):
        row = admin.execute("SELECT pg_try_advisory_lock(%s, %s)", (SLOT_LOCK, number)).fetchone()
        if row and row[0]:
            return number
    pytest.exit("Too many test workers on these servers at once: use fewer (-n).", returncode=3)


@pytest.fixture(scope="session")
def databases(servers: Servers, admin: psycopg.Connection, slot: int) -> Iterator[Databases]:
    """`databases["auth"]` is the runtime URL of a migrated database of this worker's own."""
    _drop_databases(admin, slot)  # of a killed run
    own = Databases(servers, admin, slot)
    yield own
    own.close()
    _drop_databases(admin, slot)


@pytest.fixture
def clean_databases(databases: Databases) -> Iterator[Databases]:
    """The databases; without rows after the test, but for those that `Databases.empty` keeps."""
    yield databases
    databases.empty()


@pytest.fixture(scope="session")
def blank_database(databases: Databases) -> Callable[[str], DatabaseUrls]:
    """Makes empty, unmigrated databases, for tests of migrations."""
    return databases.blank


@pytest.fixture(scope="session")
def redis_url(servers: Servers, slot: int) -> Iterator[str]:
    """A numbered database of this worker's own, empty at first."""
    url = urlsplit(servers.redis)._replace(path=f"/{slot}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def new_vhost(servers: Servers, slot: int) -> Callable[[str], str]:
    """Makes an empty vhost of this worker's own and gives its URL. A broker of somebody else's has but one for each worker."""

    def make(stem: str) -> str:
        stem = f"{stem}-{slot}"
        if servers.broker == "external":
            return _external_vhost(servers.amqp)
        if servers.broker == "embedded":
            vhost = Instance("test").rabbitmq.new_vhost(stem)
        else:
            from tests import containers

            vhost = containers.new_vhost(servers.broker, stem)
        return urlsplit(servers.amqp)._replace(path=f"/{vhost}").geturl()

    return make


@pytest.fixture(scope="session")
def amqp_url(new_vhost: Callable[[str], str]) -> str:
    """A vhost of this worker's own, empty at first."""
    return new_vhost("test")


def _unwanted() -> bool:
    return os.environ.get("EDUSTREAM_TEST_SERVERS") == "none"


@contextlib.contextmanager
def _running() -> Iterator[Servers]:
    if os.environ.get("EDUSTREAM_TEST_SERVERS") == "containers":
        from tests.containers import running

        with running() as (postgres, valkey, amqp, broker):
            yield Servers(postgres, valkey, amqp, broker)
        return
    instance = Instance("test")
    with instance.session(keep=bool(os.environ.get("KEEP_SERVERS"))) as urls:
        yield Servers(urls.postgres, urls.redis, urls.amqp, "external" if os.environ.get("AMQP_URL") else "embedded")


def _external_vhost(url: str) -> str:
    """A broker of somebody else's: vhosts cannot be made on it, so parallel workers need one each, named in the URL."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and "{worker}" not in url:
        pytest.exit("AMQP_URL names one vhost: write {worker} where gw0, gw1 … belong, or run with -n0.", returncode=3)
    return url.replace("{worker}", worker)


def _clone(servers: Servers, admin: psycopg.Connection, service: str, name: str) -> None:
    """A migrated database of this service as its code is now. The template stays for later runs."""
    stem = f"{PREFIX}_template_{service}_"
    template = stem + _digest(service)
    with provisioning.connect(servers.postgres) as lock:
        lock.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (TEMPLATE_LOCK, service))
        known = [row[0] for row in admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (stem,))]
        if template not in known:
            for outdated in known:
                _drop(admin, outdated)
            _migrate(servers.postgres, service, f"{stem}draft")
            names = sql.Identifier(f"{stem}draft"), sql.Identifier(template)
            admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
        provisioning.create_database(admin, name, *provisioning.role_names(service, PREFIX), template)


def _migrate(server_url: str, service: str, database: str) -> None:
    from shared.migrations import upgrade

    urls = provisioning.provision(server_url, service, database, _passwords(server_url, service), PREFIX)
    runtime = sql.Identifier(provisioning.role_names(service, PREFIX)[1])
    with psycopg.connect(urls.owner, autocommit=True) as owner:  # tests may empty and analyze tables; services may not
        rights = sql.SQL("TRUNCATE, MAINTAIN" if owner.info.server_version >= 170_000 else "TRUNCATE")
        owner.execute(sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} ON TABLES TO {}").format(rights, runtime))
    upgrade(service, urls.owner)


def _digest(service: str) -> str:
    """Changes whenever anything that a migration may use does."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "services" / service).rglob("*"), *(ROOT / "shared" / "alembic").rglob("*"), Path(__file__)]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(bytes(path.relative_to(ROOT)) + path.read_bytes())
    return digest.hexdigest()[:12]


def _passwords(server_url: str, service: str) -> Passwords:
    """Known to everyone who knows the server's own password, and to nobody else."""
    secret = f"{urlsplit(server_url).password}:{service}"
    return Passwords(*(hashlib.sha256(f"{kind}:{secret}".encode()).hexdigest() for kind in ("owner", "runtime")))


def _urls(server_url: str, service: str, database: str) -> DatabaseUrls:
    passwords, (owner, runtime) = _passwords(server_url, service), provisioning.role_names(service, PREFIX)
    return DatabaseUrls(
        runtime=provisioning.url_for(server_url, database, runtime, passwords.runtime),
        owner=provisioning.url_for(server_url, database, owner, passwords.owner),
    )


def _drop_databases(admin: psycopg.Connection, slot: int) -> None:
    stem = f"{PREFIX}_{slot}_"
    for (name,) in admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (stem,)).fetchall():
        _drop(admin, name)


def _drop(admin: psycopg.Connection, database: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _ready_to_empty(server_url: str, service: str, url: str) -> tuple[psycopg.Connection, sql.Composed]:
    """A connection that stays, for most tests use it, and a DELETE of everything: ten times faster than TRUNCATE of few rows."""
    kept = ["alembic_version", *getattr(importlib.import_module(f"services.{service}.tables"), "SEEDED", ())]
    find = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)"
    connection = psycopg.connect(provisioning.url_for(server_url, urlsplit(url).path.strip("/")), autocommit=True)
    tables = [sql.Identifier(name) for (name,) in connection.execute(find, (kept,))]
    connection.execute("SET session_replication_role = replica")  # foreign keys in any order
    return connection, sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in tables)
