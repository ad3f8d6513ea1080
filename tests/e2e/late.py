"""Tokens that outlive what they say: for the moments between a change of an account and its revocations, which no test could meet
by chance."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from deploy.local.suite import Suite
from services.auth.keys import SigningKey
from tests.e2e.people import client_of

NEVER_REVOKED = 10_000  # a version of the account that it will not come to
SignIn = Callable[[int, str], httpx.AsyncClient]


def late(suite: Suite) -> SignIn:
    """Makes a client whose token is good, of whatever account and role."""
    key = SigningKey(suite.deployment.jwt_private_key)

    def sign_in(user_id: int, role: str) -> httpx.AsyncClient:
        token = key.sign(user_id, role, NEVER_REVOKED, "late", datetime.now(UTC), timedelta(minutes=10))
        client = client_of(suite.gateway_url)
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    return sign_in
