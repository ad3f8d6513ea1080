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
KEYS_FOR = 240.0  # seconds after which the keys are asked for again, beside requests, so that a withdrawn one stops counting
TOO_OLD = 300.0  # seconds after which requests wait for that answer: nobody had asked for long
ASK_AGAIN = 2.0  # seconds between questions when a token names an unknown key, so that forgeries cannot flood auth
ASK_FIRST = 0.1  # seconds between questions while there is no key at all: nobody can sign in before there is
PAUSE = 30.0  # seconds between questions that requests wait for while auth does not answer
FORGET_EVERY = 10.0  # seconds
REMEMBERED = 20_000  # tokens
LEEWAY = 5.0  # seconds that auth's clock may be ahead of ours

log = logs.get(__name__)
Fetch = Callable[[], Awaitable[dict[str, Any]]]


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
        self._forget_at = 0.0

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

    def __len__(self) -> int:
        return len(self._versions) + len(self._sessions)

    def _forget(self) -> None:
        now = time.time()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        self._sessions = {session_id: until for session_id, until in self._sessions.items() if until >= now}
        self._versions = {user_id: known for user_id, known in self._versions.items() if known[1] >= now}


class KeySet:
    """Auth's public keys. They are renewed beside requests, which go on with those that are known: an auth that hangs holds up
    nobody, one that is gone is not missed until its tokens expire."""

    def __init__(self, fetch: Fetch, withdrawn: Callable[[], None]) -> None:
        self._fetch = fetch
        self._withdrawn = withdrawn
        self._keys: dict[str, jwt.PyJWK] = {}
        self._had_at = self._tried_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        return time.monotonic() - self._had_at

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key, asked for where it is unknown or too old. Raises `Unavailable` when no key could be had yet."""
        pause = ASK_AGAIN if kid not in self._keys else PAUSE if self.age > TOO_OLD else float("inf")
        if time.monotonic() - self._tried_at > (pause if self._keys else ASK_FIRST):
            await self._ask()
        if not self._keys:
            raise Unavailable("Sign-in keys cannot be had at the moment. Try again.")
        self.renew()
        return self._keys.get(kid)

    async def prepare(self) -> None:
        """Ask until there is a key, so that a process which started while auth was there goes on when it no longer is."""
        wait = ASK_FIRST
        while not self._keys:
            await self._ask()
            if not self._keys:
                await asyncio.sleep(wait)
                wait = min(wait * 2, PAUSE)

    def renew(self) -> None:
        """Ask beside whatever is going on, if it is time."""
        if self.age > KEYS_FOR and time.monotonic() - self._tried_at > ASK_AGAIN:
            self._question()

    async def _ask(self) -> None:
        """One question for all who wait, which goes on when one of them leaves, though it were the one that began it."""
        await asyncio.shield(self._question())

    def _question(self) -> "asyncio.Task[None]":
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._renew())
        return self._asking

    async def _renew(self) -> None:
        try:
            document = await self._fetch()
            keys = {k["kid"]: jwt.PyJWK.from_dict(k) for k in document["keys"]}
        except (httpx.HTTPError, Unavailable, OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            log.warning("keys_unreachable", error=type(error).__name__)
        else:
            if self._keys.keys() - keys.keys():
                self._withdrawn()
            self._keys, self._had_at = keys, time.monotonic()
        finally:
            self._tried_at = time.monotonic()


class TokenVerifier:
    """Verifies a token once and remembers the verdict (least recently used first out) until the token expires."""

    def __init__(self, fetch_keys: Fetch, revocations: Revocations | None = None) -> None:
        self.revocations = Revocations() if revocations is None else revocations
        self._known: OrderedDict[str, Claims] = OrderedDict()
        self._keys = KeySet(fetch_keys, withdrawn=self._known.clear)
        self.prepare = self._keys.prepare

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises `InvalidToken`, or `Unavailable` when no key could be had yet."""
        claims = self.recall(token)
        if claims is None:
            claims = await self._check(token)
            self._remember(token, claims)
            self._refuse_dead(token, claims)
        return claims

    def recall(self, token: str) -> Claims | None:
        """The claims of a token verified before, without waiting for anything; None when `verify` is needed."""
        claims = self._known.get(token)
        if claims is None or self._keys.age > TOO_OLD:
            return None
        self._keys.renew()
        self._known.move_to_end(token)
        self._refuse_dead(token, claims)
        return claims

    def _refuse_dead(self, token: str, claims: Claims) -> None:
        if claims.expires_at <= time.time() or self.revocations.has(claims):
            self._known.pop(token, None)
            raise InvalidToken

    async def _check(self, token: str) -> Claims:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._keys.get(kid) if isinstance(kid, str) else None
            if key is None:
                raise InvalidToken
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,  # for `iat`; `_refuse_dead` is exact about `exp`
                options={"require": REQUIRED},
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
