"""Redis may be away, come back, forget, or fail: requests are limited all the same, and at most one waits for it in vain."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
import redis

from gateway.limits.link import ANSWER_TIMEOUT
from tests.clients import plain_client
from tests.gateway.conftest import Services, StartGateway, Valkey
from tests.gateway.keys import token
from tests.gateway.test_limits import statuses
from tests.waiting import eventually

KEY = "{edustream:limits}:default:127.0.0.1"
Act = Callable[[redis.Redis], object]


async def test_redis_may_die_and_come_back_under_load(
    start_gateway: StartGateway, own_valkey: Valkey, services: Services
) -> None:
    gateway = await start_gateway(REDIS_URL=own_valkey.url, EDUSTREAM_RATE_LIMIT_DEFAULT="1000/minute")
    found: Counter[int] = Counter()
    going = True

    async def knock(client: httpx.AsyncClient, user: int) -> None:
        while going:
            found[(await client.get("/api/tutors", headers={"Authorization": f"Bearer {token(user)}"})).status_code] += 1

    async def counted_here(more_than: float) -> bool:
        return await local_checks(client) > more_than

    async def logged(word: str) -> bool:
        return word in gateway.lines()

    async with plain_client(base_url=gateway.url) as client:
        knocking = [asyncio.create_task(knock(client, user)) for user in range(8)]
        try:
            before = await local_checks(client)
            assert before == 0
            own_valkey.kill()
            await eventually(lambda: counted_here(20))
            own_valkey.start()
            await eventually(lambda: logged("redis_back"))
            own_valkey.signal(signal.SIGSTOP)  # there, but silent
            dead = await local_checks(client)
            await eventually(lambda: counted_here(dead + 20))
            own_valkey.signal(signal.SIGCONT)
            await eventually(lambda: logged_twice(gateway.lines()))
        finally:
            going = False
            await asyncio.gather(*knocking)

    assert found.keys() == {200}
    assert gateway.lines().count('"redis_away"') == 2


async def logged_twice(lines: str) -> bool:
    return lines.count('"redis_back"') == 2


async def test_without_redis_the_gateway_starts_and_still_limits(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway(REDIS_URL="redis://127.0.0.1:1/0", EDUSTREAM_RATE_LIMIT_DEFAULT="2/minute")
    async with plain_client(base_url=gateway.url) as client:
        assert await statuses(client, 3, "GET", "/api/tutors") == [200, 200, 429]


async def test_a_flushed_script_is_loaded_again(start_gateway: StartGateway, own_valkey: Valkey, services: Services) -> None:
    gateway = await start_gateway(REDIS_URL=own_valkey.url, EDUSTREAM_RATE_LIMIT_DEFAULT="1000/minute")
    async with plain_client(base_url=gateway.url) as client:
        assert await statuses(client, 1, "GET", "/api/tutors") == [200]
        with redis.Redis.from_url(own_valkey.url) as admin:
            admin.script_flush()
            assert await statuses(client, 1, "GET", "/api/tutors") == [200]

            async def loaded() -> bool:
                await statuses(client, 1, "GET", "/api/tutors")
                return bool(admin.llen(KEY) > 1)

            await eventually(loaded)


async def local_checks(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith("edustream_gateway_limits_local_total")).split()[1])


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
