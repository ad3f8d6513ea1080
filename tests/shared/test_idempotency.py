"""Idempotency-Key: what creates something does so once per key, whatever races, fails or is sent again."""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NoReturn

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from shared import idempotency
from shared.auth import Actor, Now
from shared.db import Database, Transaction
from shared.errors import Conflict
from shared.http import create_app
from shared.idempotency import OnceOnly
from shared.tokens import TokenVerifier
from shared.types import Instant, Money
from tests.harness import _own_keys, settings_of, token
from tests.shared.rows import WRITE

router = APIRouter()
FAIL = set[str]()


class Order(BaseModel):
    name: str
    price: Money = Decimal("1.10")


class OrderView(BaseModel):
    number: int
    name: str
    price: Money
    at: Instant


class OtherView(OrderView):
    pass


@router.post("/orders", status_code=201)
async def order(body: Order, actor: Actor, tx: Transaction, now: Now, once: OnceOnly) -> OrderView:
    async def create() -> OrderView:
        number: int = await tx.value("SELECT count(*) FROM doomed_files")
        await tx.run(WRITE, name=f"{actor.user_id} {number} {body.name}")
        if body.name in FAIL:
            raise Conflict("not now")
        return OrderView(number=number, name=body.name, price=body.price, at=now)

    return await once(tx, actor, body, OrderView, create)


@router.post("/others", status_code=201)
async def other(body: Order, actor: Actor, tx: Transaction, now: Now, once: OnceOnly) -> OtherView:
    async def create() -> OtherView:
        return OtherView(number=0, name=body.name, price=body.price, at=now)

    return await once(tx, actor, body, OtherView, create)


class LaterOrder(Order):
    """What the release after takes."""

    note: str | None = None


class LaterView(OrderView):
    """What the release after answers."""

    is_paid: bool


LaterView.__qualname__ = OrderView.__qualname__


@router.post("/orders-later", status_code=201)
async def order_later(body: LaterOrder, actor: Actor, tx: Transaction, once: OnceOnly) -> OrderView:
    return await once(tx, actor, body, OrderView, never)


@router.post("/orders-paid", status_code=201)
async def order_paid(body: Order, actor: Actor, tx: Transaction, once: OnceOnly) -> LaterView:
    return await once(tx, actor, body, LaterView, never)


async def never() -> NoReturn:
    raise AssertionError("it was created before")


@pytest.fixture
async def app(database: Database) -> AsyncIterator[FastAPI]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database
        app.state.tokens = TokenVerifier(_own_keys)
        yield

    from services.messaging.app import service

    settings = settings_of(service, database_url="postgresql://unused", amqp_url="amqp://unused", redis_url="redis://unused")
    app = create_app(settings, (router,), lifespan)
    async with app.router.lifespan_context(app):
        yield app
    FAIL.clear()


def person(app: FastAPI, key: str | None, user_id: int = 1) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token(user_id)}"} | ({"Idempotency-Key": key} if key is not None else {})
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://tests", headers=headers)


async def created(database: Database) -> int:
    async with database.reading() as tx:
        count: int = await tx.value("SELECT count(*) FROM doomed_files")
    return count


async def test_without_a_key_each_request_creates(app: FastAPI, database: Database) -> None:
    for _ in range(2):
        assert (await person(app, None).post("/orders", json={"name": "a"})).status_code == 201

    assert await created(database) == 2


async def test_the_same_key_and_body_gets_the_first_answer_again_to_the_byte(app: FastAPI, database: Database) -> None:
    answers = [await person(app, "k").post("/orders", json={"name": "ä", "price": 10.10}) for _ in range(3)]

    assert {(a.status_code, a.content) for a in answers} == {(201, answers[0].content)}
    assert answers[0].json()["price"] == 10.10
    assert await created(database) == 1


async def test_requests_that_race_with_one_key_create_once(app: FastAPI, database: Database) -> None:
    answers = await asyncio.gather(*(person(app, "k").post("/orders", json={"name": "a"}) for _ in range(12)))

    assert Counter(a.status_code for a in answers) == {201: 12}
    assert len({a.content for a in answers}) == 1
    assert await created(database) == 1


async def test_another_body_with_the_same_key_is_refused(app: FastAPI, database: Database) -> None:
    await person(app, "k").post("/orders", json={"name": "a"})

    answer = await person(app, "k").post("/orders", json={"name": "b"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await created(database) == 1


async def test_another_endpoint_with_the_same_key_is_refused(app: FastAPI) -> None:
    await person(app, "k").post("/orders", json={"name": "a"})

    assert (await person(app, "k").post("/others", json={"name": "a"})).status_code == 422


async def test_the_same_body_written_otherwise_is_the_same(app: FastAPI, database: Database) -> None:
    bodies = ['{"name":"a","price":1.10}', '{ "price" : 1.1, "name":"a", "unknown": 5 }', '{"name":"a"}']
    headers = {"Content-Type": "application/json"}

    answers = [await person(app, "k").post("/orders", content=b, headers=headers) for b in bodies]

    assert {a.status_code for a in answers} == {201}
    assert await created(database) == 1


async def remember(database: Database, request: object) -> None:
    """As if the answer had been remembered of this."""
    text = json.dumps(["OrderView", [request]], sort_keys=True).encode()
    async with database.transaction() as tx:
        await tx.run("UPDATE idempotency_keys SET fingerprint = %(new)s", new=hashlib.sha256(text).digest())


async def test_the_same_body_is_the_same_when_more_may_be_said_in_it(app: FastAPI, database: Database) -> None:
    """A retry may come after a deploy."""
    first = await person(app, "k").post("/orders", json={"name": "a", "price": 1.10})
    await remember(database, {"name": "a"})  # without what might as well not be said, as the next release will

    again = await person(app, "k").post("/orders-later", json={"name": "a", "price": 1.10})
    other = await person(app, "k").post("/orders-later", json={"name": "a", "price": 1.10, "note": "in blue"})

    assert (again.status_code, again.content) == (201, first.content)
    assert other.status_code == 422


async def test_what_one_release_remembers_is_known_to_the_other(app: FastAPI, database: Database) -> None:
    first = await person(app, "k").post("/orders", json={"name": "a"})
    async with database.reading() as tx:
        stored = bytes(await tx.value("SELECT fingerprint FROM idempotency_keys"))
    await remember(database, Order(name="a").model_dump(mode="json"))
    async with database.reading() as tx:
        assert stored == bytes(await tx.value("SELECT fingerprint FROM idempotency_keys"))

    assert (await person(app, "k").post("/orders", json={"name": "a"})).content == first.content
    assert (await person(app, "k").post("/orders", json={"name": "b"})).status_code == 422


async def test_a_remembered_answer_that_lacks_what_is_answered_now_is_503(app: FastAPI) -> None:
    """The worker of the release before, which still has the word for it, may take the next attempt."""
    await person(app, "k").post("/orders", json={"name": "a"})

    assert (await person(app, "k").post("/orders-paid", json={"name": "a"})).status_code == 503


async def test_a_key_is_its_owners_only(app: FastAPI, database: Database) -> None:
    for user_id in (1, 2):
        assert (await person(app, "k", user_id).post("/orders", json={"name": "a"})).status_code == 201

    assert await created(database) == 2


async def test_a_refused_request_does_not_use_up_its_key(app: FastAPI, database: Database) -> None:
    FAIL.add("a")
    assert (await person(app, "k").post("/orders", json={"name": "a"})).status_code == 409
    FAIL.clear()

    assert (await person(app, "k").post("/orders", json={"name": "a"})).status_code == 201
    assert await created(database) == 1


async def test_after_a_day_a_key_is_new(app: FastAPI, database: Database) -> None:
    await person(app, "k").post("/orders", json={"name": "a"})
    async with database.transaction() as tx:
        await tx.run("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")

    answers = [await person(app, "k").post("/orders", json={"name": "b"}) for _ in range(2)]

    assert {(a.status_code, a.json()["name"]) for a in answers} == {(201, "b")}
    assert await created(database) == 2


async def test_old_keys_are_forgotten_and_young_ones_kept(app: FastAPI, database: Database) -> None:
    for key in ("old", "young"):
        await person(app, key).post("/orders", json={"name": key})
    async with database.transaction() as tx:
        await tx.run("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' WHERE key = 'old'")

    await idempotency.forget_old(database)

    async with database.reading() as tx:
        assert await tx.rows("SELECT key FROM idempotency_keys") == [{"key": "young"}]


@pytest.mark.parametrize("key", ["", "x" * 201, "a\ttab", "delete\x7f"])
async def test_an_impossible_key_is_refused(app: FastAPI, key: str) -> None:
    assert (await person(app, key).post("/orders", json={"name": "a"})).status_code == 422


@pytest.mark.parametrize("key", ["~" * 200, "two words"])
async def test_printable_characters_are_a_key(app: FastAPI, key: str) -> None:
    assert (await person(app, key).post("/orders", json={"name": "a"})).status_code == 201
