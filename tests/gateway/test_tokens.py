"""Tokens: needed where the table says so, checked where they are given, and dead as soon as they are revoked."""

import time
from datetime import UTC, datetime, timedelta

import aio_pika
import httpx
import jwt
import pytest
import redis

from shared import broker
from shared.events.auth import SessionsRevoked
from shared.revocations import SET
from tests.clients import plain_client
from tests.gateway.conftest import Services, StartGateway, Valkey
from tests.gateway.keys import token
from tests.waiting import eventually

BAD = {
    "nonsense": "x",
    "unsigned": jwt.encode({"sub": "1"}, "", algorithm="none"),
    "symmetric": jwt.encode({"sub": "1"}, "k" * 32, algorithm="HS256"),
    "expired": token(1, minutes=-1),
    "cut": token(1)[:-4] + "AAAA",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("path", ["/auth/me", "/api/tutors"])
async def test_a_bad_token_is_refused_even_where_none_is_needed(
    http: httpx.AsyncClient, services: Services, path: str, kind: str
) -> None:
    answer = await http.get(path, headers={"Authorization": f"Bearer {BAD[kind]}"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "invalid_token"
    assert isinstance(answer.json()["detail"], str)
    assert not services["auth"].seen + services["profiles"].seen


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("path", ["/api/subjects", "/api/utils/countries"])
async def test_what_everybody_is_shown_is_shown_with_a_stale_token_too(http: httpx.AsyncClient, path: str, kind: str) -> None:
    answer = await http.get(path, headers={"Authorization": f"Bearer {BAD[kind]}"})

    assert answer.status_code == 200
    assert (await http.post(path, headers={"Authorization": f"Bearer {BAD[kind]}"})).status_code == 401


async def test_a_missing_token_is_refused_where_one_is_needed(http: httpx.AsyncClient, services: Services) -> None:
    answer = await http.get("/auth/me")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorized"
    assert not services["auth"].seen


@pytest.mark.parametrize("scheme", ["Basic dTpw", "Bearer", "Token x", "Bearer \xff"])
async def test_another_scheme_is_no_token(http: httpx.AsyncClient, scheme: str) -> None:
    answer = await http.get("/auth/me", headers={b"Authorization": scheme.encode("latin-1")})

    assert answer.status_code == 401


async def test_a_stale_token_does_not_keep_anybody_from_getting_a_new_one(http: httpx.AsyncClient, services: Services) -> None:
    for path in ("/auth/login", "/auth/refresh", "/auth/forgot-password"):
        answer = await http.post(path, json={}, headers={"Authorization": f"Bearer {BAD['expired']}"})
        assert answer.json()["service"] == "auth"


async def test_a_good_token_comes_through_and_is_passed_on(http: httpx.AsyncClient, services: Services) -> None:
    bearer = f"bearer {token(1)}"
    answer = await http.get("/auth/me", headers={"Authorization": bearer})

    assert answer.status_code == 200
    assert services["auth"].seen[-1].get("authorization") == bearer


async def test_a_revoked_token_is_refused_by_a_new_gateway(
    start_gateway: StartGateway, own_valkey: Valkey, amqp_url: str
) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.zadd(SET, {"user:77:5": time.time() + 600, "session:gone": time.time() + 600})
    gateway = await start_gateway(REDIS_URL=own_valkey.url, AMQP_URL=amqp_url)

    async with plain_client(base_url=gateway.url) as http:

        async def status(bearer: str) -> int:
            return (await http.get("/auth/me", headers={"Authorization": f"Bearer {bearer}"})).status_code

        async def refused() -> bool:
            return await status(token(77, version=4)) == 401

        await eventually(refused, within=40)
        assert await status(token(77, version=5)) == 200
        assert await status(token(78, session_id="gone")) == 401
        assert await status(token(78, session_id="there")) == 200


async def test_a_revocation_reaches_a_running_gateway_within_a_second(start_gateway: StartGateway, amqp_url: str) -> None:
    gateway = await start_gateway(AMQP_URL=amqp_url)
    connection = await aio_pika.connect(amqp_url)
    async with connection, plain_client(base_url=gateway.url) as http:
        channel = await connection.channel()
        exchange = await channel.get_exchange(broker.EVENTS)
        bearer = {"Authorization": f"Bearer {token(79, version=1)}"}
        assert (await http.get("/auth/me", headers=bearer)).status_code == 200

        event = SessionsRevoked(user_id=79, below_version=2, until=datetime.now(UTC) + timedelta(hours=1), session_id=None)
        await exchange.publish(aio_pika.Message(event.to_json()), routing_key=SessionsRevoked.type)

        async def refused() -> bool:
            return (await http.get("/auth/me", headers=bearer)).status_code == 401

        await eventually(refused, within=1)
