"""Access tokens: checked with auth's public keys, remembered until they expire, refused as soon as they are revoked."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
import jwt

from shared import logs
from shared.errors import Unauthorized, Unavailable

ISSUER = AUDIENCE = "edustream"
ALGORITHM = "EdDSA"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]
KEYS_FOR = 300.0  # seconds after which the keys are asked for again, so that a withdrawn one stops counting
ASK_AGAIN = 2.0  # seconds between questions when a token names an unknown key, so that forgeries cannot flood auth
REMEMBERED = 20_000  # tokens

log = logs.get(__name__)
Keys = dict[str, jwt.PyJWK]


class Role(StrEnum):
    STUDENT = "student"
    TUTOR = "tutor"
    ADMIN = "admin"


class InvalidToken(Unauthorized):
    """The token is missing, malformed, forged, expired or revoked."""

    detail = "The access token is not valid. Sign in again."


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. `version` is the account's: a revocation refuses all lower ones. `expires_at` is a Unix time."""

    user_id: int
    role: Role
    session_id: str
    version: int
    expires_at: float


class Revocations:
    """Which tokens died before their time. Bounded: an entry is dropped when the last token it concerns has expired."""

    def __init__(self) -> None:
        self._versions: dict[int, tuple[int, float]] = {}
        self._sessions: dict[str, float] = {}

    def revoke_user(self, user_id: int, below_version: int, until: float) -> None:
        known = self._versions.get(user_id, (0, 0.0))
        self._versions[user_id] = (max(known[0], below_version), max(known[1], until))
        self._forget()

    def revoke_session(self, session_id: str, until: float) -> None:
        self._sessions[session_id] = until
        self._forget()

    def has(self, claims: Claims) -> bool:
        revoked = self._versions.get(claims.user_id)
        return (revoked is not None and claims.version < revoked[0]) or claims.session_id in self._sessions

    def _forget(self) -> None:
        now = time.time()
        while self._sessions and next(iter(self._sessions.values())) < now:
            self._sessions.pop(next(iter(self._sessions)))
        for user_id in [u for u, (_, until) in self._versions.items() if until < now][:100]:
            del self._versions[user_id]


class TokenVerifier:
    """Verifies a token once and remembers the verdict (least recently used first out) until the token expires."""

    def __init__(self, fetch_keys: Callable[[], Awaitable[dict[str, Any]]], revocations: Revocations | None = None) -> None:
        self.revocations = revocations or Revocations()
        self._fetch_keys = fetch_keys
        self._keys: Keys = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._known: OrderedDict[str, Claims] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises `InvalidToken`, or `Unavailable` when no key could be had yet."""
        claims = self._known.get(token)
        if claims is None or time.monotonic() - self._asked_at > KEYS_FOR:
            claims = await self._check(token)
            self._remember(token, claims)
        else:
            self._known.move_to_end(token)
        if claims.expires_at <= time.time() or self.revocations.has(claims):
            self._known.pop(token, None)
            raise InvalidToken
        return claims

    async def _check(self, token: str) -> Claims:
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            payload = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options={"require": REQUIRED}
            )
            if payload.get("typ") != "access":
                raise InvalidToken
            return Claims(
                int(payload["sub"]),
                Role(payload["role"]),
                str(payload["sid"]),
                int(payload["ver"]),
                float(payload["exp"]),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, UnicodeError) as error:
            raise InvalidToken from error

    async def _key(self, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise InvalidToken
        age = time.monotonic() - self._asked_at
        if age > KEYS_FOR or (kid not in self._keys and age > ASK_AGAIN):
            await self._refresh()
        if kid not in self._keys:
            raise InvalidToken
        return self._keys[kid]

    async def _refresh(self) -> None:
        asked = self._asked_at
        async with self._asking:
            if self._asked_at != asked:  # another request asked while this one waited
                return
            try:
                document = await self._fetch_keys()
                self._keys = {k["kid"]: jwt.PyJWK.from_dict(k) for k in document["keys"]}
                self._asked_at = time.monotonic()
                self._known.clear()
            except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
                log.warning("keys_unreachable", error=type(error).__name__)
                if not self._keys:
                    raise Unavailable("Sign-in keys cannot be had at the moment. Try again.") from error
                self._asked_at = time.monotonic() - KEYS_FOR + ASK_AGAIN  # go on with the keys we have, ask again soon

    def _remember(self, token: str, claims: Claims) -> None:
        self._known[token] = claims
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def keys_at(auth_url: str) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Fetches auth's JWKS document (RFC 7517)."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            response = await client.get(f"{auth_url}/.well-known/jwks.json")
            response.raise_for_status()
            document: dict[str, Any] = response.json()
            return document

    return fetch
