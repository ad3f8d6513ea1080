"""Limits: exact however many ask at once and through however many gateways, per user or address, and never a reason to fail."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import chain

import httpx
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits import PREFIX, Limiter
from gateway.limits.link import Address, Link
from gateway.limits.rate import Rate, Verdict
from gateway.limits.window import SCRIPT, LocalWindows
from tests.clients import plain_client
from tests.gateway.conftest import Services, StartGateway, Valkey
from tests.gateway.keys import token
from tests.gateway.raw import Answer, read_answer
from tests.waiting import eventually


@pytest.mark.parametrize(("text", "rate"), [("5/minute", Rate(5, 60)), (" 100/Hour ", Rate(100, 3600)), ("off", None)])
def test_a_rate_is_read(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "5", "0/minute", "-1/minute", "5/week", "5 / minute", "1e3/minute", "none"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="5/minute"):
        Rate.parse(text)


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_the_limit_and_no_room_is_wasted(limit: int, waits: list[int]) -> None:
    now, rate = 0.0, Rate(limit, 60)
    passed: list[float] = []
    windows = LocalWindows(clock=lambda: now)
    for wait in waits:
        now += wait
        recent = [at for at in passed if at > now - 60]
        verdict = windows.count("k", rate)
        assert verdict.allowed == (len(recent) < limit)
        if verdict.allowed:
            passed.append(now)
        assert verdict.remaining == limit - len([at for at in passed if at > now - 60])
        assert 0 < verdict.reset <= 60


def test_local_windows_forget_whom_they_saw_longest_ago() -> None:
    windows = LocalWindows(keys=3)
    for key in "abcad":
        windows.count(key, Rate(1, 60))

    assert len(windows) == 3
    assert not windows.count("a", Rate(1, 60)).allowed
    assert windows.count("b", Rate(1, 60)).allowed


async def check(limiter: Limiter, key: str, rate: Rate) -> Verdict:
    verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
    limiter.check(key, rate, verdict.set_result)
    return await verdict


async def test_the_script_counts_as_the_local_window_does(valkey: Valkey) -> None:
    link = Link(Address.parse(valkey.url), SCRIPT)
    await link.start()
    limiter, rate, windows = Limiter(link), Rate(3, 1), LocalWindows()
    started = time.monotonic()
    for _ in range(5):
        there, here = await check(limiter, "same", rate), windows.count("same", rate)
        assert (there.allowed, there.remaining) == (here.allowed, here.remaining)
        assert there.reset == pytest.approx(here.reset, abs=0.1)

    async def free_again() -> bool:
        return (await check(limiter, "same", rate)).allowed

    await eventually(free_again)
    assert 0.95 < time.monotonic() - started < 1.5
    await link.stop()


async def test_a_clock_that_is_set_back_locks_nobody_out(valkey: Valkey) -> None:
    link = Link(Address.parse(valkey.url), SCRIPT)
    await link.start()
    with redis.Redis.from_url(valkey.url) as client:
        in_an_hour = int((time.time() + 3600) * 1_000_000)
        client.rpush(f"{PREFIX}traveller", *[in_an_hour] * 3)
    verdict = await check(Limiter(link), "traveller", Rate(3, 60))

    assert (verdict.allowed, verdict.remaining) == (True, 2)
    assert verdict.reset <= 60
    await link.stop()


async def test_a_burst_of_one_client_is_settled_in_order_in_one_call(valkey: Valkey) -> None:
    link = Link(Address.parse(valkey.url), SCRIPT)
    await link.start()
    limiter = Limiter(link)
    with redis.Redis.from_url(valkey.url) as client:
        before = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        verdicts = await asyncio.gather(*(check(limiter, "burst", Rate(3, 60)) for _ in range(5)))
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"] - before

    assert [v.allowed for v in verdicts] == [True, True, True, False, False]
    assert [v.remaining for v in verdicts] == [2, 1, 0, 0, 0]
    assert calls == 1
    await link.stop()


async def test_a_thousand_racing_requests_through_two_gateways_make_a_hundred(
    start_gateway: StartGateway, services: Services
) -> None:
    gateways = [await start_gateway(EDUSTREAM_RATE_LIMIT_DEFAULT="100/minute") for _ in range(2)]
    request = f"GET /api/tutors HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token(501)}\r\n\r\n".encode()

    async def knock(number: int) -> list[Answer]:
        reader, writer = await gateways[number % 2].connect()
        answers = []
        for _ in range(20):
            writer.write(request)
            answers.append(await read_answer(reader))
        writer.close()
        return answers

    answers = list(chain.from_iterable(await asyncio.gather(*(knock(number) for number in range(50)))))

    assert Counter(a.status for a in answers) == {200: 100, 429: 900}
    assert len(services["profiles"].seen) == 100
    assert sorted(int(a.headers["ratelimit-remaining"]) for a in answers if a.status == 200) == list(range(100))


@pytest.fixture(scope="module")
async def limited(start_lasting_gateway: StartGateway) -> AsyncIterator[httpx.AsyncClient]:
    gateway = await start_lasting_gateway(EDUSTREAM_RATE_LIMIT_DEFAULT="3/minute", TRUSTED_PROXIES="127.0.0.1")
    async with plain_client(base_url=gateway.url) as client:
        yield client


async def statuses(client: httpx.AsyncClient, count: int, method: str, path: str, **headers: str) -> list[int]:
    return [(await client.request(method, path, headers=headers)).status_code for _ in range(count)]


async def test_registering_and_signing_in_have_limits_of_their_own(limited: httpx.AsyncClient, services: Services) -> None:
    here = {"X-Forwarded-For": "203.0.113.1"}

    assert await statuses(limited, 6, "POST", "/auth/register", **here) == [200] * 5 + [429]
    assert await statuses(limited, 11, "POST", "/api/v1/auth/login/", **here) == [200] * 10 + [429]
    assert await statuses(limited, 4, "GET", "/api/tutors", **here) == [200] * 3 + [429]


async def test_a_refusal_says_how_long_to_wait(limited: httpx.AsyncClient, services: Services) -> None:
    bearer = {"Authorization": f"Bearer {token(502)}"}
    answers = [await limited.get("/api/tutors", headers=bearer) for _ in range(4)]

    assert [a.headers["ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert {a.headers["ratelimit-limit"] for a in answers} == {"3"}
    assert all(0 < int(a.headers["ratelimit-reset"]) <= 60 for a in answers)
    assert 0 < int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].json()["code"] == "too_many"
    assert "retry-after" not in answers[2].headers


async def test_users_are_counted_apart_wherever_they_are(limited: httpx.AsyncClient, services: Services) -> None:
    one, two = (f"Bearer {token(user)}" for user in (503, 504))

    assert await statuses(limited, 4, "GET", "/auth/me", Authorization=one) == [200] * 3 + [429]
    assert await statuses(limited, 1, "GET", "/auth/me", Authorization=one, **{"X-Forwarded-For": "203.0.113.2"}) == [429]
    assert await statuses(limited, 1, "GET", "/auth/me", Authorization=two) == [200]


async def test_strangers_are_counted_by_address_and_so_are_bad_tokens(limited: httpx.AsyncClient, services: Services) -> None:
    here, there = {"X-Forwarded-For": "203.0.113.3"}, {"X-Forwarded-For": "203.0.113.4"}

    assert await statuses(limited, 2, "GET", "/auth/me", Authorization="Bearer x", **here) == [401] * 2
    assert await statuses(limited, 2, "GET", "/auth/me", **here) == [401, 429]
    assert await statuses(limited, 1, "GET", "/auth/me", Authorization="Bearer x", **here) == [429]
    assert await statuses(limited, 1, "GET", "/api/tutors", **there) == [200]


async def test_guessing_addresses_is_counted(limited: httpx.AsyncClient, services: Services) -> None:
    here = {"X-Forwarded-For": "203.0.113.6"}

    assert await statuses(limited, 2, "GET", "/api/nothing", **here) == [404] * 2
    assert await statuses(limited, 2, "GET", "/auth/..%2finternal", **here) == [400, 429]


async def test_avatars_health_and_docs_are_not_counted(limited: httpx.AsyncClient, services: Services) -> None:
    here = {"X-Forwarded-For": "203.0.113.5"}

    for path in ("/api/avatars/default.png", "/health/live", "/docs"):
        answers = [await limited.get(path, headers=here) for _ in range(5)]
        assert {a.status_code for a in answers} == {200}
        assert "ratelimit-limit" not in answers[0].headers


async def test_guessing_tokens_where_pictures_are_is_counted(limited: httpx.AsyncClient, services: Services) -> None:
    for address, path in (("203.0.113.7", "/api/avatars/x"), ("203.0.113.8", "/api/tutors/photos/x")):
        here = {"X-Forwarded-For": address}
        assert await statuses(limited, 4, "POST", path, Authorization="Bearer x.y.z", **here) == [401] * 3 + [429]
        assert await statuses(limited, 1, "GET", path, **here) == [200]


async def test_off_means_off(http: httpx.AsyncClient, services: Services) -> None:
    answer = await http.get("/api/tutors")

    assert "ratelimit-limit" not in answer.headers


async def test_who_waits_behind_a_question_that_is_lost_is_told_too(valkey: Valkey) -> None:
    link = Link(Address.parse(valkey.url), SCRIPT)
    await link.start()
    limiter, verdicts, rate = Limiter(link), list[Verdict](), Rate.parse("5/minute")
    assert rate is not None
    try:
        limiter.check("first", rate, verdicts.append)
        await asyncio.sleep(0)  # asked, and not answered: nothing was read since
        limiter.check("second", rate, verdicts.append)
        assert link._replies is not None
        link._replies.transport.abort()  # as when Redis dies

        await eventually(lambda: _are(verdicts, 2))
    finally:
        await link.stop()


async def test_all_who_wait_are_told_when_redis_is_given_up(valkey: Valkey) -> None:
    link = Link(Address.parse(valkey.url), SCRIPT)
    await link.start()
    limiter, verdicts = Limiter(link), list[Verdict]()
    try:
        for user in range(1_200):  # more than two calls carry
            limiter.check(f"user {user}", Rate(5, 60), verdicts.append)
        await asyncio.sleep(0)  # asked, and not answered
        link.drop()

        await eventually(lambda: _are(verdicts, 1_200))
    finally:
        await link.stop()


async def _are(verdicts: list[Verdict], number: int) -> bool:
    return len(verdicts) == number
