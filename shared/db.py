"""PostgreSQL: a bounded pool, transactions that commit before the answer leaves, rows as typed objects."""

import select
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, LiteralString, Self, TypeVar

import psycopg
from fastapi import Depends, Request
from psycopg.rows import AsyncRowFactory, class_row, dict_row, scalar_row, tuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests
from pydantic_core import from_json

from shared import metrics, tracing
from shared.errors import Unavailable
from shared.lasting import end_if_cancelled

T = TypeVar("T")
R = TypeVar("R")
POOL_WAIT = 3.0  # seconds a request waits for a connection before it is told to come back
RECONNECT = 5.0  # seconds of attempts ever further apart, after which the next request begins anew: by default they go on for 300
LATELY = 1.0  # seconds
BATCH = 5000  # rows forgotten in one transaction
BUSY = (  # others were in the way: the same may work in a moment
    PoolTimeout,
    TooManyRequests,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
set_json_loads(from_json)  # of the small documents in rows, many times quicker than the standard library
# random_page_cost: with its default, made for disks, the plan kept for a prepared "newest first" list reads all rows of an owner
# and sorts them, instead of the first few in the order of the index: ten times slower for whoever has many. work_mem: with less
# a search that finds a hundredth of a million documents looks at all others on their pages, too.
SESSION = "-c lock_timeout=3s -c statement_timeout=10s -c idle_in_transaction_session_timeout=15s -c timezone=UTC"
SESSION += " -c random_page_cost=1.1 -c work_mem=16MB"

# A peer that vanished without a word is noticed in seconds, not in the quarter of an hour that TCP takes by itself: the server by
# its client, and the client by the server, which until then keeps the locks of whoever is gone (the relay's, say).
SERVERS_LIFELINE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
LIFELINE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": SERVERS_LIFELINE,
}

CONNECTIONS = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int, current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int
  - coalesce(current_setting('reserved_connections', true)::int, 0)  -- since PostgreSQL 16
"""


class Tx:
    """A connection inside a transaction (or, for `Reading`, one whose statements stand alone). Parameters are `%(name)s`."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    def cursor(self, row_factory: AsyncRowFactory[R]) -> AbstractAsyncContextManager[psycopg.AsyncCursor[R]]:
        """For what the other methods do not know how to ask."""
        return self.connection.cursor(row_factory=row_factory)

    async def one(self, kind: type[T], sql: LiteralString, **params: Any) -> T:
        """The single row of `sql`. Raises `LookupError` when there is none."""
        row = await self.maybe(kind, sql, **params)
        if row is None:
            raise LookupError(f"no {kind.__name__} row")
        return row

    async def maybe(self, kind: type[T], sql: LiteralString, **params: Any) -> T | None:
        """The first row of `sql` as `kind(**columns)`, or None."""
        async with self.cursor(class_row(kind)) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchone()

    async def all(self, kind: type[T], sql: LiteralString, **params: Any) -> list[T]:
        """Every row of `sql` as `kind(**columns)`; the statement bounds their number."""
        async with self.cursor(class_row(kind)) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchall()

    async def value(self, sql: LiteralString, **params: Any) -> Any:
        """The first column of the first row, or None."""
        async with self.cursor(scalar_row) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchone()

    async def rows(self, sql: LiteralString, **params: Any) -> list[dict[str, Any]]:
        """Every row as a dict, where a type of its own would say nothing."""
        async with self.cursor(dict_row) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchall()

    async def run(self, sql: LiteralString, **params: Any) -> int:
        """Execute and return the number of rows touched."""
        async with self.cursor(tuple_row) as cursor:
            await cursor.execute(sql, params)
            return cursor.rowcount

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Self]:
        """What fails inside (a violated constraint, say) is undone without losing the transaction around it."""
        async with self.connection.transaction():
            yield self


class Reader(Tx):
    """Each statement takes a connection, and gives it back: none is held while an answer is made of its rows. So there is no
    `connection`, and nothing to go back to by a savepoint."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    @asynccontextmanager
    async def cursor(self, row_factory: AsyncRowFactory[R]) -> AsyncIterator[psycopg.AsyncCursor[R]]:
        async with self._database.connection("reading") as connection, connection.cursor(row_factory=row_factory) as cursor:
            yield cursor


class Database:
    """The pool of one process. Open it in the process's event loop."""

    def __init__(self, url: str, size: int = 10, name: str = "edustream") -> None:
        self.pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            timeout=POOL_WAIT,
            max_waiting=size * 20,
            open=False,
            reconnect_timeout=RECONNECT,
            kwargs=LIFELINE | {"autocommit": True, "options": f"{SESSION} {SERVERS_LIFELINE}", "application_name": name},
            check=_check,
        )
        self._answered_at = float("-inf")

        stats = self.pool.get_stats
        metrics.pool_size.labels(name).set(size)  # the others are asked for when somebody looks
        metrics.pool_in_use.labels(name).set_function(lambda: stats()["pool_size"] - stats()["pool_available"])
        metrics.pool_waiting.labels(name).set_function(lambda: stats()["requests_waiting"])

    @classmethod
    def of(cls, request: Request) -> "Database":
        """That of the process which answers. Routes come to it by this name, so that what it refuses is in their document."""
        database: Database = request.app.state.database
        return database

    async def open(self) -> None:
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed on leaving, rolled back by an exception."""
        async with self.connection("transaction") as connection, connection.transaction():
            yield Tx(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """Statements that stand alone: saves the two round trips of BEGIN and COMMIT."""
        async with self.connection("reading") as connection:
            yield Tx(connection)

    @asynccontextmanager
    async def connection(self, step: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One of the pool's, for a step of a trace. Taken and given back by hand: the pool's own way commits as well, of which
        single statements have no need. Should an exception leave anything open, the pool ends it."""
        with tracing.step(step, "client") as span:
            span.note("db.system.name", "postgresql")
            try:
                connection = await self.pool.getconn()
                try:
                    end_if_cancelled()  # whoever had to wait for it may have lost that
                    yield connection
                finally:
                    await self.pool.putconn(connection)
                self._answered_at = time.monotonic()
            except BUSY as error:
                raise Unavailable from error
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:  # read-only: it is a standby now
                self._answered_at = float("-inf")
                raise Unavailable("The database cannot be reached. Try again in a moment.") from error

    async def check(self) -> None:
        """Raises `Unavailable` unless the database has answered lately. Asked only when nothing else was: behind a long line of
        requests the question would come too late, and say of a busy service that it is ill."""
        if time.monotonic() - self._answered_at > LATELY:
            await self.ping()

    async def ping(self) -> None:
        async with self.reading() as tx:
            await tx.value("SELECT 1")


async def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    """Before each use: whether the server has hung up. It has said so on the socket then, where nothing else is to be expected;
    only if there is something, ask. Asking always would be a round trip for each request: as much as most of them need at all."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    if socket.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def measure_server(database: Database, service: str) -> None:
    """Export how much is left of what all pools together may not exceed: when it is used up, no process can open another."""
    async with database.reading() as tx:
        used, limit = await (await tx.connection.execute(CONNECTIONS)).fetchone() or (0, 0)
    metrics.server_connections.labels(service).set(used)
    metrics.server_connections_limit.labels(service).set(limit)


async def forget_in_batches(database: Database, sql: LiteralString, **params: Any) -> None:
    """Run a DELETE of at most `batch` rows again and again, each time in a transaction of its own, until few are left. What it
    deletes must be chosen once, by ARRAY(SELECT …) or WITH … AS MATERIALIZED: IN (SELECT … LIMIT …) may be asked for each row."""
    forgotten = BATCH
    while forgotten == BATCH:
        async with database.transaction() as tx:
            forgotten = await tx.run(sql, batch=BATCH, **params)


def violated(error: psycopg.errors.IntegrityError) -> str:
    """The name of the constraint that refused a statement."""
    return error.diag.constraint_name or ""


async def _transaction(request: Request) -> AsyncIterator[Tx]:
    async with Database.of(request).transaction() as tx:
        yield tx


async def _reading(request: Request) -> Tx:
    return Reader(Database.of(request))


# scope="function": the exit, and so the commit, comes before the response is sent; by default it would come after.
Transaction = Annotated[Tx, Depends(_transaction, scope="function")]
Reading = Annotated[Tx, Depends(_reading)]
