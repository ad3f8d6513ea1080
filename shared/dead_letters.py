"""Dead letters: messages a service refused for ever, or failed at too often. Look at them, give them back, or drop them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity

from shared.broker import send_copy

REASON = "x-first-death-reason"
UNREACHABLE = (OSError, AMQPError)  # what it may raise when the broker is away, or refuses


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `data` may be private."""

    id: str
    type: str
    time: str
    reason: str
    data: Any

    @classmethod
    def of(cls, message: AbstractIncomingMessage) -> Self:
        try:
            body = json.loads(message.body)
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        reason = _reason(message) or "unknown"
        return cls(message.message_id or "", str(body.get("type", "?")), str(body.get("time", "?")), reason, body.get("data"))


def _reason(message: AbstractIncomingMessage) -> str | None:
    """Of the last death, which stands first: what was put off expired before. A copy that was given back has only the other."""
    headers: dict[str, Any] = dict(message.headers or {})
    deaths = headers.get("x-death") or [{}]
    reason = deaths[0].get("reason") or headers.get(REASON)
    return str(reason) if reason else None


class NoQueue(Exception):
    """The service has no queue: its migration, or its first worker, will make it."""


class DeadLetters:
    """The dead letters of every service on one broker."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Self]:
        async with await aio_pika.connect(url, timeout=5) as connection:
            yield cls(await connection.channel(publisher_confirms=True, on_return_raises=True))

    async def count(self, service: str) -> int:
        """How many there are (as the broker counts, which may be a moment late); 0 for a service that never started."""
        queue = await self._queue(service)
        return (queue.declaration_result.message_count or 0) if queue else 0

    async def waiting(self, service: str) -> int | None:
        """How many messages wait in the service's own queue; None when it has none yet."""
        try:
            queue = await self._channel.get_queue(f"edustream.{service}", ensure=True)
        except ChannelNotFoundEntity:
            await self._channel.reopen()
            return None
        return queue.declaration_result.message_count

    async def show(self, service: str, limit: int = 20) -> list[Letter]:
        """The first in the line, which then stand at its end: to look again shows the next."""
        letters: list[Letter] = []

        async def look(message: AbstractIncomingMessage) -> bool:
            letters.append(Letter.of(message))
            return False

        await self._each(service, look, limit)
        return letters

    async def replay(self, service: str, event_id: str | None = None) -> int:
        """Give them (or one) back to the service; how many. A letter is gone only when the broker has confirmed its copy. Raises
        `NoQueue`, and keeps them, where there is nobody to give them to."""

        async def give_back(message: AbstractIncomingMessage) -> bool:
            if event_id not in (None, message.message_id):
                return False
            await self._send(message, f"edustream.{service}")
            return True

        if await self.count(service) and await self.waiting(service) is None:
            raise NoQueue(service)
        return await self._each(service, give_back)

    async def drop(self, service: str, event_id: str | None = None) -> int:
        """Forget them (or one); how many."""

        async def forget(message: AbstractIncomingMessage) -> bool:
            return event_id in (None, message.message_id)

        return await self._each(service, forget)

    async def _each(
        self, service: str, settle: Callable[[AbstractIncomingMessage], Awaitable[bool]], limit: int | None = None
    ) -> int:
        """Take each letter that is there now, once; those that `settle` is done with go, the others to the end of the line.

        There they are confirmed copies. Given back as they are they would be lost: to RabbitMQ 4 every return is a failed
        delivery, and a queue without a limit of its own drops what failed twenty times."""
        if (queue := await self._queue(service)) is None:
            return 0
        done = 0
        message = await queue.get(fail=False, timeout=5)
        left = 1 + (message.message_count or 0) if message else 0  # what is given back and refused again comes after these
        left = left if limit is None else min(left, limit)
        while message:
            if await settle(message):
                done += 1
            else:
                await self._send(message, queue.name)
            await message.ack()
            left -= 1
            message = await queue.get(fail=False, timeout=5) if left > 0 else None
        return done

    async def _send(self, message: AbstractIncomingMessage, queue: str) -> None:
        """Put a copy into this queue. Raises when the broker did not confirm it, or there is no such queue."""
        await send_copy(self._channel, message, queue, {REASON: _reason(message)})

    async def _queue(self, service: str) -> AbstractQueue | None:
        try:
            return await self._channel.get_queue(f"edustream.{service}.dead", ensure=True)
        except ChannelNotFoundEntity:  # which also closed the channel
            await self._channel.reopen()
            return None
