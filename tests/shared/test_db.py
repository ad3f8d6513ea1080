"""Transactions: the commit comes before the answer, failures are told as what they are, connections come back clean."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import Message, Receive, Scope, Send

from shared import db
from shared.db import Database, Reader, Reading, Transaction
from shared.errors import Conflict, Unavailable
from shared.http import create_app
from tests.harness import settings_of
from tests.shared.rows import COUNT, WRITE
from tests.shared.wire import Wire
from tests.waiting import eventually

MY_PID = "SELECT pg_backend_pid()"

router = APIRouter()


@router.post("/rows/{name}")
async def write(name: str, tx: Transaction) -> dict[str, str]:
    await tx.run(WRITE, name=name)
    return {"name": name}


@router.post("/refused/{name}")
async def write_and_refuse(name: str, tx: Transaction) -> None:
    await tx.run(WRITE, name=name)
    raise Conflict("no")


@router.post("/broken/{name}")
async def write_and_break(name: str, tx: Transaction) -> None:
    await tx.run(WRITE, name=name)
    raise ZeroDivisionError


@router.post("/killed/{name}")
async def write_and_lose_the_connection(name: str, tx: Transaction) -> dict[str, str]:
    await tx.run(WRITE, name=name)
    KILLS.append(await tx.value(MY_PID))
    await asyncio.to_thread(KILLER[0].execute, "SELECT pg_terminate_backend(%s, 5000)", (KILLS[-1],))
    return {"name": name}


@router.get("/rows")
async def count(tx: Reading) -> int:
    rows: int = await tx.value(COUNT)
    return rows


@router.post("/locked")
async def wait_for_a_lock(tx: Transaction) -> None:
    await tx.run("SET LOCAL lock_timeout = '50ms'")
    await tx.run("LOCK TABLE doomed_files IN ACCESS EXCLUSIVE MODE")


@router.post("/slow")
async def run_too_long(tx: Transaction) -> None:
    await tx.run("SET LOCAL statement_timeout = '50ms'")
    await tx.value("SELECT pg_sleep(5)")


KILLS: list[int] = []
KILLER: list[psycopg.Connection] = []


@contextlib.asynccontextmanager
async def application(url: str, size: int = 4) -> AsyncIterator[FastAPI]:
    """These routes on a database, as a service has them."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = Database(url, size, "tests app")
        await app.state.database.open()
        yield
        await app.state.database.close()

    from services.messaging.app import service

    app = create_app(
        settings_of(service, database_url=url, amqp_url="amqp://unused", redis_url="redis://unused"), (router,), lifespan
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app(database_url: str, admin: psycopg.Connection) -> AsyncIterator[FastAPI]:
    KILLER[:] = [admin]
    async with application(database_url) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tests") as client:
        yield client


async def ask(app: FastAPI, path: str, on_start: Any) -> list[Message]:
    """Call the application by the bare protocol; `on_start` runs at the moment when the answer begins to leave."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            on_start(message)
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("tests", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    receiver: Receive = receive
    sender: Send = send
    await app(scope, receiver, sender)
    return sent


async def test_the_commit_comes_before_the_first_byte_of_the_answer(app: FastAPI, database_url: str) -> None:
    seen: list[int] = []

    with psycopg.connect(database_url, autocommit=True) as other:

        def look(message: Message) -> None:
            row = other.execute("SELECT count(*) FROM doomed_files").fetchone()
            seen.append(row[0] if row else -1)

        sent = await ask(app, "/rows/a", look)

    assert sent[0]["status"] == 200
    assert seen == [1], "the answer left before the commit"


async def test_a_commit_that_fails_is_not_answered_as_success(client: httpx.AsyncClient) -> None:
    answer = await client.post("/killed/a")

    assert answer.status_code == 503
    assert (await client.get("/rows")).json() == 0


@pytest.mark.parametrize(("path", "status"), [("/refused/a", 409), ("/broken/a", 500)])
async def test_what_fails_leaves_nothing(client: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await client.post(path)).status_code == status
    assert (await client.get("/rows")).json() == 0


async def test_a_lost_connection_is_replaced(client: httpx.AsyncClient) -> None:
    await client.post("/killed/a")

    assert [(await client.post(f"/rows/{n}")).status_code for n in range(6)] == [200] * 6


async def test_a_database_that_went_away_is_503_and_comes_back_by_itself(database_wire: Wire) -> None:
    async with application(database_wire.url) as app:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://tests")
        assert (await client.post("/rows/a")).status_code == 200
        database_wire.is_refusing = True
        database_wire.cut()

        refused = await client.post("/rows/b")
        ready = await client.get("/health/ready")
        database_wire.is_refusing = False

        assert (refused.status_code, refused.headers["retry-after"], refused.json()["code"]) == (503, "1", "unavailable")
        assert (ready.status_code, ready.json()) == (503, {"status": "unhealthy", "database": "disconnected"})

        async def works() -> bool:
            return (await client.post("/rows/c")).status_code == 200

        await eventually(works, 20)


async def test_requests_beyond_the_pool_wait_and_those_that_wait_too_long_are_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "POOL_WAIT", 0.3)
    database = Database(database_url, 2, "tests small")
    await database.open()
    hold, held = asyncio.Event(), asyncio.Semaphore(0)

    async def occupy() -> None:
        async with database.transaction() as tx:
            await tx.value("SELECT 1")
            held.release()
            await hold.wait()

    async def one_more() -> str:
        try:
            await database.ping()
        except Unavailable:
            return "unavailable"
        return "done"

    occupants = [asyncio.create_task(occupy()) for _ in range(2)]
    for _ in occupants:
        await held.acquire()
    assert await one_more() == "unavailable"
    crowd = [asyncio.create_task(one_more()) for _ in range(60)]
    outcomes = Counter([await asyncio.wait_for(task, 5) for task in crowd])
    assert outcomes == {"unavailable": 60}, "the queue before the pool is bounded, and so is the wait in it"
    hold.set()
    await asyncio.gather(*occupants)
    assert await one_more() == "done"
    async with database.reading(), database.reading():
        await database.check()  # busy, and not ill: it has just answered
    await database.close()


async def test_a_reader_holds_no_connection_between_its_statements(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "POOL_WAIT", 0.3)
    database = Database(database_url, 1, "tests reader")
    await database.open()
    reader, other = Reader(database), Reader(database)
    assert await reader.value("SELECT 1") == 1
    async with database.transaction() as tx:
        assert await tx.value("SELECT 2") == 2
        with pytest.raises(Unavailable):
            await reader.value("SELECT 3")
    assert [await other.value("SELECT 4"), await reader.value("SELECT 5")] == [4, 5]
    await database.close()


async def test_a_lock_that_is_not_to_be_had_is_503(client: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as other:
        await other.run(WRITE, name="locked")

        answer = await client.post("/locked")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_statement_that_takes_too_long_is_503(client: httpx.AsyncClient) -> None:
    assert (await client.post("/slow")).status_code == 503
