"""Connections to the database: their limits, how they come back, and what their failures are told as."""

import asyncio
import socket

import psycopg
import pytest

from shared import db
from shared.db import Database, Tx, violated
from shared.errors import Unavailable
from tests.shared.rows import COUNT, WRITE
from tests.waiting import eventually

BUSY, GONE = Unavailable.detail, "The database cannot be reached. Try again in a moment."


async def test_every_connection_has_its_time_limits(database: Database) -> None:
    async with database.reading() as tx:
        limits = {n: await tx.value(f"SHOW {n}") for n in ("lock_timeout", "statement_timeout", "TimeZone")}
        idle = await tx.value("SHOW idle_in_transaction_session_timeout")

    assert limits == {"lock_timeout": "3s", "statement_timeout": "10s", "TimeZone": "UTC"}
    assert idle == "15s"


async def test_a_client_that_vanished_is_noticed_by_the_server_in_seconds(database_url: str, database: Database) -> None:
    """Until then the server keeps what it held: the lock by which another relay could take over, say."""
    wanted = {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "10000",
    }
    show = "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name"

    async with database.reading() as tx, await psycopg.AsyncConnection.connect(database_url, **db.LIFELINE) as relays:
        for connection in (tx.connection, relays):
            rows = await (await connection.execute(show, (list(wanted),))).fetchall()
            assert dict(tuple(row) for row in rows) == wanted


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_is_stopped_at_the_moment_a_connection_comes_free_ends(database_url: str, turns: int) -> None:
    """At some of these turns of the event loop the pool returns the connection, and tells nobody of the cancellation."""
    database = Database(database_url, 1, "tests waiting")
    await database.open()

    async def work_on() -> None:
        async with database.reading():
            await asyncio.Event().wait()

    async def is_waited_for() -> bool:
        return database.pool.get_stats().get("requests_waiting") == 1

    async with database.reading():
        waiting = asyncio.ensure_future(work_on())
        await eventually(is_waited_for)
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    ended, _ = await asyncio.wait({waiting}, timeout=5)
    waiting.cancel()  # the second time it waits for something that does not lose it

    assert ended
    async with database.reading() as tx:
        assert await tx.value("SELECT 1") == 1, "the connection was given back"
    await database.close()


async def test_after_a_long_outage_the_next_request_begins_a_fresh_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts come ever further apart; those of one outage must not go on being rare when it is over."""
    monkeypatch.setattr(db, "RECONNECT", 0.2)
    monkeypatch.setattr(db, "POOL_WAIT", 0.05)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/nothing", 2, "tests outage")
        await database.open()
        try:

            async def has_given_up() -> bool:
                return database.pool.get_stats()["pool_size"] == 0

            await eventually(has_given_up)
            before = database.pool.get_stats()["connections_num"]
            with pytest.raises(Unavailable):
                await database.ping()

            assert database.pool.get_stats()["connections_num"] > before
        finally:
            await database.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg.errors.DeadlockDetected, BUSY),
        (psycopg.errors.SerializationFailure, BUSY),
        (psycopg.errors.LockNotAvailable, BUSY),
        (psycopg.errors.IdleInTransactionSessionTimeout, BUSY),
        (psycopg.errors.ReadOnlySqlTransaction, GONE),
        (psycopg.errors.AdminShutdown, GONE),
    ],
)
async def test_a_failure_that_will_pass_is_503_and_says_whose_it_is(
    database: Database, error: type[psycopg.Error], said: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        async with database.transaction():
            raise error

    assert caught.value.message == said


async def write_as_on_a_standby(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("SET TRANSACTION READ ONLY")
        await tx.run(WRITE, name="a")


async def test_a_standby_is_no_database_to_write_to(database: Database) -> None:
    with pytest.raises(Unavailable):
        await write_as_on_a_standby(database)


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_is_clean(database: Database) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as tx:
            await tx.run(WRITE, name="cancelled")
            begun.set()
            await tx.value("SELECT pg_sleep(30)")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with database.reading() as tx:
        assert await tx.value(COUNT) == 0
        assert (
            await tx.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tests' AND state LIKE 'idle in%%'")
            == 0
        )
    await asyncio.gather(*(database.ping() for _ in range(20)))


async def test_a_reading_is_no_transaction(database: Database) -> None:
    async with database.reading() as tx:
        await tx.run(WRITE, name="a")
        async with database.reading() as other:
            assert await other.value(COUNT) == 1


async def fail_inside(tx: Tx) -> None:
    async with tx.savepoint():
        await tx.run(WRITE, name="a")


async def test_a_savepoint_undoes_only_what_is_inside_and_names_the_constraint(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run(WRITE, name="a")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            await fail_inside(tx)
        await tx.run(WRITE, name="b")

    assert violated(caught.value) == "doomed_files_pkey"
    async with database.reading() as tx:
        assert await tx.value(COUNT) == 2


async def test_one_demands_a_row(database: Database) -> None:
    async with database.reading() as tx:
        with pytest.raises(LookupError):
            await tx.one(dict, "SELECT 1 AS x WHERE false")
