"""One service in this process, on a real database: its application, people with real tokens, events in and out."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from services.auth.keys import SigningKey
from shared.db import Database
from shared.events.base import Envelope, Event
from shared.service import Service, build, find
from shared.settings import ServiceSettings
from shared.tokens import TokenVerifier

INTERNAL_TOKEN = "internal-token-of-the-tests"
PRIVATE_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SIGNING_KEY = SigningKey(PRIVATE_KEY)


class Harness:
    """A running application without its worker: nothing leaves the outbox, so a test can read what was said."""

    def __init__(self, service: Service, app: FastAPI) -> None:
        self.service = service
        self.app = app
        self.database: Database = app.state.database
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def person(self, user_id: int, role: str = "student", **headers: str) -> httpx.AsyncClient:
        """A client signed in as this account. The token is real; nobody asks auth whether the account exists."""
        return self.client(Authorization=f"Bearer {token(user_id, role)}", **headers)

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, base_url="http://service", headers=headers)

    def internal(self) -> httpx.AsyncClient:
        """A client that another service would be."""
        return self.client(Authorization=f"Bearer {INTERNAL_TOKEN}")

    async def deliver(self, *events: Event) -> None:
        """Hand events to the service's handlers twice each, as a broker may: the second time must have no effect."""
        for event in events:
            envelope = Envelope.model_validate_json(event.to_json())
            assert await self.service.subscriptions.handle(self.database, envelope)
            assert not await self.service.subscriptions.handle(self.database, envelope)

    async def outbox(self, type_: str | None = None) -> list[dict[str, Any]]:
        """The events said so far and not yet taken by a relay, oldest first (whole CloudEvents)."""
        async with self.database.reading() as tx:
            rows = await tx.rows("SELECT body FROM outbox ORDER BY position")
        events = [json.loads(bytes(row["body"])) for row in rows]
        return [e for e in events if type_ is None or e["type"] == type_]


@asynccontextmanager
async def running(name: str, **values: Any) -> AsyncIterator[Harness]:
    """The service called `name`, with these settings, until the block ends."""
    service = find(name)
    settings = settings_of(service, **values)
    app = build(service, settings)
    async with app.router.lifespan_context(app):
        app.state.tokens = TokenVerifier(_own_keys, app.state.tokens.revocations)
        yield Harness(service, app)


def settings_of(service: Service, **values: Any) -> ServiceSettings:
    """The service's settings from `values` and fixed test secrets; nothing is read from `.env`."""
    values = {"env": "local", "internal_token": INTERNAL_TOKEN, "jwt_private_key": PRIVATE_KEY} | values
    return service.settings(_env_file=None, service=service.name, **values)


def token(user_id: int, role: str = "student", version: int = 1, minutes: float = 20, session_id: str = "test") -> str:
    """A real access token."""
    return SIGNING_KEY.sign(user_id, role, version, session_id, datetime.now(UTC), timedelta(minutes=minutes))


async def _own_keys() -> dict[str, Any]:
    return {"keys": [SIGNING_KEY.jwk]}
