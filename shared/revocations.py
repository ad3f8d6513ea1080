"""Revocations reach every process within a second: by event while it runs, from a Redis set when it starts. The set is read
again and again, too, so that without a broker they still come, if some seconds late."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aio_pika.abc import AbstractConnection

from shared import broker, logs
from shared.broker import Broker
from shared.events.auth import SessionsRevoked
from shared.events.base import Envelope
from shared.lasting import end_if_cancelled, lasting
from shared.redis import Redis, RedisError, from_url
from shared.tokens import Revocations

SET: Final = "edustream:revocations"
"""Sorted set; members `user:<id>:<below version>` and `session:<id>`, score: Unix time after which it no longer matters."""
READ_EVERY = 5.0  # seconds

log = logs.get(__name__)


async def remember(client: Redis, *events: SessionsRevoked) -> None:
    """Add revocations to the set, and drop those that no longer matter."""
    members: dict[str, float] = {}
    for event in events:
        if event.session_id:
            members[f"session:{event.session_id}"] = event.until.timestamp()
        if event.below_version is not None:
            members[f"user:{event.user_id}:{event.below_version}"] = event.until.timestamp()
    async with client.pipeline() as pipe:
        if members:
            pipe.zadd(SET, members)
        pipe.zremrangebyscore(SET, "-inf", time.time())
        await pipe.execute()


def apply(revocations: Revocations, event: SessionsRevoked) -> None:
    until = event.until.timestamp()
    if event.below_version is not None:
        revocations.revoke_user(event.user_id, event.below_version, until)
    if event.session_id:
        revocations.revoke_session(event.session_id, until)


class Follower:
    """Keeps a process's `Revocations` current. The set is read as soon as the queue is bound, so nothing is missed."""

    def __init__(self, revocations: Revocations, broker_: Broker, redis_url: str) -> None:
        self._revocations = revocations
        self._broker = broker_
        self._redis_url = redis_url
        self._bound = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lasting(partial(self._broker.keep, "revocations", self._session)))
            tasks.create_task(lasting(self._read_set))

    async def _session(self, connection: AbstractConnection) -> None:
        channel = await broker.consumer_channel(connection)
        await broker.declare(channel)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments={"x-max-length": 100_000})
        await queue.bind(broker.EVENTS, SessionsRevoked.type)
        self._bound.set()
        async with queue.iterator(no_ack=True) as messages:
            async for message in messages:
                event = Envelope.model_validate_json(message.body).event(SessionsRevoked)
                apply(self._revocations, event)
        raise ConnectionError("the broker stopped delivering")

    async def _read_set(self) -> None:
        known: dict[str, float] = {}
        async with from_url(self._redis_url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2) as client:
            while True:
                self._bound.clear()
                try:
                    rows: Any = await client.zrangebyscore(SET, time.time(), "+inf", withscores=True)
                    found = dict(rows)
                    for member, until in found.items() - known.items():  # seldom any; there may be a hundred thousand
                        self._add(member, until)
                    known = found
                except (RedisError, OSError, ValueError) as error:  # value: not even bytes of a text
                    log.warning("revocations_unreadable", error=repr(error))
                end_if_cancelled()
                with suppress(TimeoutError):
                    async with asyncio.timeout(READ_EVERY):
                        await self._bound.wait()

    def _add(self, member: str, until: float) -> None:
        kind, _, rest = member.partition(":")
        if kind == "user":
            user_id, _, version = rest.partition(":")
            with suppress(ValueError):  # one that nobody understands must not hide those after it
                self._revocations.revoke_user(int(user_id), int(version), until)
        else:
            self._revocations.revoke_session(rest, until)
