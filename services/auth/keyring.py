"""The keys of access tokens through their life: announced, signing, still good for what they signed, gone.

The configured key (EDUSTREAM_JWT_PRIVATE_KEY) is the first. Rotation adds keys to the database, sealed with the configured one,
so that neither the database nor a copy of it is enough to sign a token; whoever configures another key starts anew."""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.auth import queries
from services.auth.keys import SigningKey
from services.auth.queries import SealedKey
from shared import logs
from shared.db import Database, Tx
from shared.errors import Unavailable

LONGEST_TOKEN = timedelta(minutes=60)
"""No access token lives longer: so long a key is published after it stopped signing, and a revocation is remembered."""
LOOK_AGAIN = 5.0  # seconds after which the database is asked for newer keys
NONCE = 12  # bytes

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """`signs_from` on, unless a later one does. One that `is_alone` took the place of leaked ones."""

    signing: SigningKey
    signs_from: datetime
    is_alone: bool


class Keyring:
    """All keys that count at the moment; none before the database was read."""

    def __init__(self, pem: str) -> None:
        first = SigningKey(pem)
        self._seal = ChaCha20Poly1305(HKDF(SHA256(), 32, None, b"edustream signing keys").derive(first.secret))
        self._first = Key(first, datetime.min.replace(tzinfo=UTC), is_alone=False)
        self._keys: list[Key] = []
        self._ignored: set[str] = set()
        self._looked_at = float("-inf")
        self._beginning: asyncio.Task[None] | None = None

    async def look(self, database: Database) -> None:
        """Learn of keys that were added since, at most every few seconds; without a database, go on with what is known. Raises
        `Unavailable` before the first success: whom nobody told of the key that signs would make everybody's tokens void."""
        if not self._keys:
            await asyncio.shield(self._begin(database))
        elif time.monotonic() - self._looked_at >= LOOK_AGAIN:
            await self._read(database)
        if not self._keys:
            raise Unavailable("Sign-in keys cannot be read at the moment. Try again.")

    def signer(self, now: datetime) -> SigningKey:
        return self._signing(now)[-1].signing

    def document(self, now: datetime) -> dict[str, Any]:
        """The JWKS: keys to come, the one that signs, and those whose last token may not have expired."""
        started = self._signing(now)
        alone = max((i for i, key in enumerate(started) if key.is_alone), default=0)
        alive = [
            key
            for i, key in enumerate(started)
            if i >= alone and (i + 1 == len(started) or started[i + 1].signs_from + LONGEST_TOKEN > now)
        ]
        coming = [key for key in self._keys if key.signs_from > now]
        return {"keys": [key.signing.jwk for key in (*coming, *reversed(alive))]}

    async def add(self, tx: Tx, signs_from: datetime, *, alone: bool = False) -> SigningKey:
        """Make a key and store it; every process finds it within seconds. If it is to be `alone`, the others are gone then, those
        that were only announced among them."""
        key = SigningKey.from_secret(os.urandom(32))
        nonce = os.urandom(NONCE)
        sealed = nonce + self._seal.encrypt(nonce, key.secret, None)
        await tx.run(queries.WITHDRAW_KEYS if alone else queries.FORGET_KEYS)
        await tx.run(queries.ADD_KEY, kid=key.kid, sealed=sealed, signs_from=signs_from, is_alone=alone)
        return key

    def _begin(self, database: Database) -> asyncio.Task[None]:
        """One reading for all who wait for the first, which goes on when one of them leaves, though it were the one that began
        it."""
        if self._beginning is None or self._beginning.done():
            self._beginning = asyncio.create_task(self._read(database))
        return self._beginning

    async def _read(self, database: Database) -> None:
        self._looked_at = time.monotonic()
        try:
            async with database.reading() as tx:
                rows = await tx.all(SealedKey, queries.KEYS)
        except Unavailable:
            log.warning("keys_unread")
            return
        self._keys = [self._first, *(key for row in rows if (key := self._open(row)))]

    def _signing(self, now: datetime) -> list[Key]:
        return [key for key in self._keys if key.signs_from <= now]

    def _open(self, row: SealedKey) -> Key | None:
        sealed = bytes(row.sealed)
        try:
            secret = self._seal.decrypt(sealed[:NONCE], sealed[NONCE:], None)
        except InvalidTag:  # of the time before another key was configured
            if row.kid not in self._ignored:
                self._ignored.add(row.kid)
                log.warning("key_of_another_seal_ignored", kid=row.kid)
            return None
        return Key(SigningKey.from_secret(secret), row.signs_from, row.is_alone)
