"""The threads for work that would block the event loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from shared import threads
from shared.errors import Unavailable
from shared.threads import Threads


@pytest.fixture
def one_thread() -> Iterator[Threads]:
    made = Threads("tests", 1, waiting=2)
    yield made
    made.close()


async def test_what_is_done_on_a_thread_comes_back(one_thread: Threads) -> None:
    assert await one_thread.run(divmod, 7, 2) == (3, 1)


async def test_more_than_may_wait_are_told_to_come_back(one_thread: Threads) -> None:
    go_on = threading.Event()
    waiting = [asyncio.ensure_future(one_thread.run(go_on.wait)) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable) as refused:
        await one_thread.run(go_on.wait)

    go_on.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert refused.value.headers == {"Retry-After": "5"}


async def test_a_caller_who_goes_away_leaves_no_room_while_the_work_goes_on(one_thread: Threads) -> None:
    go_on = threading.Event()
    waiting = [asyncio.ensure_future(one_thread.run(go_on.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    with pytest.raises(Unavailable):
        await one_thread.run(go_on.wait)

    go_on.set()
    assert await asyncio.gather(*waiting[1:]) == [True] * 2
    assert await one_thread.run(divmod, 7, 2) == (3, 1)


async def test_how_many_are_inside_and_were_refused_is_exported(one_thread: Threads) -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"threads": "tests"}) or 0.0

    go_on = threading.Event()
    refused = value("edustream_threads_refused_total")
    waiting = [asyncio.ensure_future(one_thread.run(go_on.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await one_thread.run(go_on.wait)
    inside = value("edustream_threads_inside")
    go_on.set()
    await asyncio.gather(*waiting)

    assert (inside, value("edustream_threads_refused_total") - refused) == (3, 1)


async def test_a_call_whose_turn_comes_too_late_is_not_made(one_thread: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, made = threading.Event(), threading.Event()
    first = asyncio.ensure_future(one_thread.run(go_on.wait))
    await asyncio.sleep(0)
    monkeypatch.setattr(threads, "PATIENCE", -1.0)
    late = asyncio.ensure_future(one_thread.run(made.set))
    await asyncio.sleep(0)
    go_on.set()

    with pytest.raises(Unavailable):
        await late

    assert await first
    assert not made.is_set()
