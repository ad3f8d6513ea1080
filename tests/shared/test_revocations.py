"""Revocations reach a process: by event, from the set when it starts, from the set again when there is no broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
import redis.asyncio as redis
import structlog
from aio_pika.abc import AbstractChannel
from hypothesis import given
from hypothesis import strategies as st

from shared import broker, revocations
from shared.broker import Broker
from shared.events.auth import SessionsRevoked
from shared.lasting import background
from shared.revocations import SET, Follower
from shared.tokens import Claims, Revocations, Role
from tests.shared.running import beside
from tests.waiting import eventually

NOWHERE = "amqp://127.0.0.1:1/"
UNTIL = datetime.now(UTC) + timedelta(minutes=20)
FUTURE = time.time() + 86_400  # however long the whole suite takes


@pytest.fixture
async def known(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.from_url(redis_url, decode_responses=True) as client:
        await client.delete(SET)
        yield client
        await client.delete(SET)


def revoked(in_: Revocations, user_id: int, version: int = 1, session_id: str = "s") -> bool:
    return in_.has(Claims(user_id, Role.STUDENT, session_id, version, time.time() + 60))


async def arrives(in_: Revocations, user_id: int, within: float, session_id: str = "s") -> None:
    async def there() -> bool:
        return revoked(in_, user_id, session_id=session_id)

    await eventually(there, within)


async def say(channel: AbstractChannel, *events: SessionsRevoked) -> None:
    exchange = await channel.get_exchange(broker.EVENTS)
    for event in events:
        await exchange.publish(aio_pika.Message(event.to_json()), routing_key=event.type)


async def test_what_was_revoked_before_the_start_is_known_and_what_comes_later_arrives_within_a_second(
    amqp_url: str, redis_url: str, known: redis.Redis, channel: AbstractChannel
) -> None:
    await revocations.remember(
        known,
        SessionsRevoked(user_id=1, below_version=2, until=UNTIL),
        SessionsRevoked(user_id=2, session_id="gone", until=UNTIL),
    )
    mine = Revocations()
    async with background(Follower(mine, Broker(amqp_url, "test"), redis_url).run()):
        await arrives(mine, 1, within=5)
        assert revoked(mine, 2, session_id="gone")
        assert not revoked(mine, 1, version=2)

        async def heard() -> bool:  # once its queue is bound, which nothing tells us
            await say(channel, SessionsRevoked(user_id=3, below_version=2, until=UNTIL))
            return revoked(mine, 3)

        await eventually(heard)
        await say(channel, SessionsRevoked(user_id=4, below_version=2, until=UNTIL))
        await arrives(mine, 4, within=1)


async def test_without_a_broker_revocations_still_come(
    redis_url: str, known: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "READ_EVERY", 0.2)
    mine = Revocations()
    async with background(Follower(mine, Broker(NOWHERE, "test"), redis_url).run()):
        await revocations.remember(known, SessionsRevoked(user_id=1, below_version=2, until=UNTIL))

        await arrives(mine, 1, within=5)


async def test_what_was_read_from_the_set_before_is_not_applied_again(
    redis_url: str, known: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "READ_EVERY", 0.05)
    applied: list[int] = []

    class Counting(Revocations):
        def revoke_user(self, user_id: int, below_version: int, until: float) -> None:
            applied.append(user_id)
            super().revoke_user(user_id, below_version, until)

    mine = Counting()
    async with background(Follower(mine, Broker(NOWHERE, "test"), redis_url).run()):
        for user_id in (1, 2, 3):
            await revocations.remember(known, SessionsRevoked(user_id=user_id, below_version=2, until=UNTIL))
            await arrives(mine, user_id, within=5)

    assert applied == [1, 2, 3]


async def test_without_redis_revocations_still_come(amqp_url: str, channel: AbstractChannel) -> None:
    mine = Revocations()
    async with background(Follower(mine, Broker(amqp_url, "test"), "redis://127.0.0.1:1/0").run()):

        async def heard() -> bool:
            await say(channel, SessionsRevoked(user_id=1, below_version=2, until=UNTIL))
            return revoked(mine, 1)

        await eventually(heard)


async def test_what_makes_no_sense_in_the_set_harms_nothing(
    redis_url: str, known: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "READ_EVERY", 0.2)
    await known.zadd(SET, {"user:x:y": UNTIL.timestamp()})
    mine = Revocations()
    async with background(Follower(mine, Broker(NOWHERE, "test"), redis_url).run()):
        await known.zadd(SET, {"session:later": UNTIL.timestamp()})
        await known.zrem(SET, "user:x:y")

        await arrives(mine, 1, within=5, session_id="later")


async def test_what_is_no_text_in_the_set_does_not_end_the_process(
    redis_url: str, known: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "READ_EVERY", 0.05)
    await known.zadd(SET, {b"\xff": UNTIL.timestamp()})
    mine = Revocations()
    with structlog.testing.capture_logs() as said:
        async with beside(Follower(mine, Broker(NOWHERE, "test"), redis_url).run()):

            async def told() -> bool:
                return any(line["event"] == "revocations_unreadable" for line in said)

            await eventually(told)
            await known.delete(SET)
            await revocations.remember(known, SessionsRevoked(user_id=1, below_version=2, until=UNTIL))
            await arrives(mine, 1, within=5)


async def test_it_ends_whenever_it_is_told_to(amqp_url: str, redis_url: str) -> None:
    """Also while it connects: libraries may lose a cancellation then (`asyncio.wait_for`, before Python 3.12)."""
    for steps in range(80):
        following = asyncio.create_task(Follower(Revocations(), Broker(amqp_url, "test"), redis_url).run())
        for _ in range(steps):
            await asyncio.sleep(0)
        following.cancel()
        done, _ = await asyncio.wait({following}, timeout=3)
        assert done, steps


async def test_the_set_forgets_what_no_longer_matters(known: redis.Redis) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await revocations.remember(known, SessionsRevoked(user_id=1, below_version=2, until=past))
    await revocations.remember(known)

    assert await known.zcard(SET) == 0


def test_revocations_are_forgotten_when_nothing_depends_on_them() -> None:
    revocations = Revocations()
    past = time.time() - 1
    for number in range(1000):
        revocations.revoke_user(number, 2, past)
        revocations.revoke_session(str(number), past)
    revocations._forget_at = 0
    revocations.revoke_user(-1, 2, FUTURE)

    assert len(revocations) == 1


def test_many_revocations_cost_little_each() -> None:
    revocations = Revocations()
    started = time.perf_counter()
    for number in range(50_000):
        revocations.revoke_user(number, 2, FUTURE)

    assert time.perf_counter() - started < 5, "the cost of each must not grow with their number"


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=30), st.integers(1, 3), st.integers(1, 9))
def test_a_token_is_revoked_when_any_revocation_is_above_its_version(
    revoked: list[tuple[int, int]], user_id: int, version: int
) -> None:
    revocations = Revocations()
    for who, below in revoked:
        revocations.revoke_user(who, below, FUTURE)

    claims = Claims(user_id, Role.STUDENT, "s", version, (datetime.now(UTC) + timedelta(minutes=1)).timestamp())
    assert revocations.has(claims) == any(who == user_id and version < below for who, below in revoked)
