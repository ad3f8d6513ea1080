"""Idempotency-Key: the same key and body within 24 hours gets the first answer again; another body is refused."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header
from pydantic import BaseModel, ValidationError

from shared.auth import Principal
from shared.db import Database, Tx, forget_in_batches
from shared.errors import Invalid, Unavailable

V = TypeVar("V", bound=BaseModel)

# Two requests with one key meet here: the second waits for the first one's commit, then finds its row.
CLAIM = """
INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES (%(user_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = NULL, created_at = now()
WHERE idempotency_keys.created_at < now() - interval '24 hours'
"""
FIND = "SELECT fingerprint, answer FROM idempotency_keys WHERE user_id = %(user_id)s AND key = %(key)s"
IS_ANSWERED = """
SELECT EXISTS (SELECT FROM idempotency_keys
  WHERE user_id = %(user_id)s AND key = %(key)s AND created_at >= now() - interval '24 hours')
"""
KEEP = "UPDATE idempotency_keys SET answer = %(answer)s::jsonb WHERE user_id = %(user_id)s AND key = %(key)s"
FORGET_OF = "DELETE FROM idempotency_keys WHERE user_id = ANY(%(user_ids)s::bigint[])"
FORGET_OLD = """
WITH old AS MATERIALIZED (
  SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
  ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys k USING old WHERE (k.user_id, k.key) = (old.user_id, old.key)
"""


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used with another request. Use a fresh key."


class Once:
    """Runs what creates something at most once per key: `await once(tx, actor, body, View, lambda: …)`."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    async def __call__(self, tx: Tx, actor: Principal, request: object, view: type[V], create: Callable[[], Awaitable[V]]) -> V:
        """The answer of `create`, or the remembered one. `request` is what must be the same: a model, or (path, model)."""
        if self._key is None:
            return await create()
        mine = {"user_id": actor.user_id, "key": self._key}
        # The whole one, which the release before knows, too; the next may store the other.
        if not await tx.run(CLAIM, **mine, fingerprint=_fingerprint(view, request, whole=True)):
            return await self._again(tx, mine, request, view)
        answer = await create()
        await tx.run(KEEP, **mine, answer=answer.model_dump_json())
        return answer

    async def remembered(self, tx: Tx, actor: Principal, request: object, view: type[V]) -> V | None:
        """The answer to this very request, if it was answered before: for what has work to do before its transaction."""
        mine: dict[str, object] = {"user_id": actor.user_id, "key": self._key}
        if self._key is None or not await tx.value(IS_ANSWERED, **mine):
            return None
        return await self._again(tx, mine, request, view)

    async def _again(self, tx: Tx, mine: dict[str, object], request: object, view: type[V]) -> V:
        rows = await tx.rows(FIND, **mine)
        if not rows:  # forgotten this very moment, 24 hours after
            raise Unavailable
        known = (_fingerprint(view, request), _fingerprint(view, request, whole=True))
        if bytes(rows[0]["fingerprint"]) not in known:
            raise IdempotencyKeyReused
        try:
            return view.model_validate(rows[0]["answer"])
        except ValidationError as error:  # of a release that answered less
            raise Unavailable from error


def _fingerprint(view: type[BaseModel], request: object, *, whole: bool = False) -> bytes:
    """Without what is not said, or might as well not be: a field that is new in a release makes no other request of the same."""
    parts = request if isinstance(request, tuple) else (request,)
    plain = [p.model_dump(mode="json", exclude_defaults=not whole) if isinstance(p, BaseModel) else p for p in parts]
    return hashlib.sha256(json.dumps([view.__qualname__, plain], sort_keys=True, default=str).encode()).digest()


async def _once(
    key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")] = None,
) -> Once:
    return Once(key)


async def forget_of(tx: Tx, *user_ids: int) -> None:
    """Forget what people were answered: of somebody who is purged nothing stays, not even for these 24 hours."""
    await tx.run(FORGET_OF, user_ids=list(user_ids))


async def forget_old(database: Database) -> None:
    await forget_in_batches(database, FORGET_OLD)


OnceOnly = Annotated[Once, Depends(_once)]
