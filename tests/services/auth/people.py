"""Accounts for the tests of auth, made without the cost of hashing a password each time."""

from typing import Any

import httpx

from services.auth import queries
from services.auth.passwords import HASHER
from services.auth.queries import Account
from tests.harness import Harness

PASSWORD = "password123"
HASH = HASHER.hash(PASSWORD)


async def account(service: Harness, email: str = "john@example.com", role: str = "student", **columns: Any) -> int:
    """The id of a new account with `PASSWORD`, of which no event was said."""
    fields: dict[str, Any] = {
        "first_name": "John",
        "last_name": "Doe",
        "timezone": "UTC",
        "currency": "USD",
        "is_verified": False,
    }
    fields |= {"email": email, "role": role, "password_hash": HASH} | columns
    async with service.database.transaction() as tx:
        return (await tx.one(Account, queries.INSERT, **fields)).id


async def administrator(service: Harness, email: str = "admin@example.com") -> tuple[int, httpx.AsyncClient]:
    """The id and the client of a new administrator."""
    user_id = await account(service, email, "admin", first_name="Ada", last_name="Admin")
    return user_id, service.person(user_id, "admin")


async def state(service: Harness, user_id: int) -> Account:
    """The row as it is."""
    async with service.database.reading() as tx:
        return await tx.one(Account, queries.BY_ID, id=user_id)


async def login(
    service: Harness, email: str = "john@example.com", password: str = PASSWORD, address: str = "192.0.2.1", agent: str = "tests"
) -> httpx.Response:
    """Sign in from an address."""
    async with service.client(**{"X-Forwarded-For": address, "User-Agent": agent}) as client:
        return await client.post("/auth/login", json={"email": email, "password": password})


async def signed_in(service: Harness, email: str = "john@example.com", password: str = PASSWORD) -> dict[str, Any]:
    """The tokens of a login that worked."""
    answer = await login(service, email, password)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def bearer(service: Harness, tokens: dict[str, Any]) -> httpx.AsyncClient:
    """A client with an access token that auth gave out."""
    return service.client(Authorization=f"Bearer {tokens['access_token']}")


async def refreshed(service: Harness, refresh_token: str) -> httpx.Response:
    return await service.client().post("/auth/refresh", json={"refresh_token": refresh_token})


async def mailed_token(service: Harness, kind: str) -> str:
    """The secret in the newest mail of a kind."""
    mails = [m["data"] for m in await service.outbox("auth.mail.requested.v1") if m["data"]["kind"] == kind]
    token: str = mails[-1]["token"]
    return token


async def audited(service: Harness) -> list[dict[str, Any]]:
    """What the audit log would say, oldest first."""
    return [event["data"] for event in await service.outbox("auth.audit.recorded.v1")]
