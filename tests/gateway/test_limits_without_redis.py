"""A Redis that is there and fails costs one request its time, and is left alone until it is well."""

import time
from collections.abc import Callable

import pytest
import redis

from gateway.limits.link import ANSWER_TIMEOUT
from tests.clients import plain_client
from tests.gateway.conftest import Services, StartGateway, Valkey
from tests.gateway.test_limits import statuses
from tests.waiting import eventually

KEY = "{edustream:limits}:default:127.0.0.1"
Act = Callable[[redis.Redis], object]


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (lambda admin: admin.config_set("maxmemory", 1), lambda admin: admin.config_set("maxmemory", 0)),
        (lambda admin: admin.set(KEY, "no list"), lambda admin: admin.delete(KEY)),
    ],
)
async def test_a_redis_that_answers_with_errors_is_left_alone_until_it_is_well(
    start_gateway: StartGateway, own_valkey: Valkey, services: Services, spoil: Act, mend: Act
) -> None:
    gateway = await start_gateway(REDIS_URL=own_valkey.url, EDUSTREAM_RATE_LIMIT_DEFAULT="1000/minute")
    async with plain_client(base_url=gateway.url) as client:
        with redis.Redis.from_url(own_valkey.url) as admin:
            spoil(admin)
            before = admin.info("stats")["total_connections_received"]
            started = time.monotonic()
            assert set(await statuses(client, 200, "GET", "/api/tutors")) == {200}
            most = 2 + (time.monotonic() - started) / 0.5
            assert admin.info("stats")["total_connections_received"] - before <= most
            assert gateway.lines().count('"redis_away"') <= most
            mend(admin)

            async def counted_there() -> bool:
                await statuses(client, 1, "GET", "/api/tutors")
                return bool(admin.llen(KEY))

            await eventually(counted_there)


async def test_a_redis_that_hangs_in_writes_makes_one_request_wait(
    start_gateway: StartGateway, own_valkey: Valkey, services: Services
) -> None:
    gateway = await start_gateway(REDIS_URL=own_valkey.url, EDUSTREAM_RATE_LIMIT_DEFAULT="1000/minute")
    took = []
    async with plain_client(base_url=gateway.url) as client:
        with redis.Redis.from_url(own_valkey.url) as admin:
            admin.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
            for _ in range(20):
                started = time.monotonic()
                assert await statuses(client, 1, "GET", "/api/tutors") == [200]
                took.append(time.monotonic() - started)

    assert len([seconds for seconds in took if seconds > ANSWER_TIMEOUT]) == 1
