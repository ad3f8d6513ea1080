"""Neighbours: asked shortly, believed when they answer, left alone when they fail."""

from types import SimpleNamespace

import httpx
import pytest
from pydantic import BaseModel

from shared import neighbours
from shared.neighbours import FAILURES, Neighbour, Unreachable


class Thing(BaseModel):
    id: int


class Other:
    """The service that is asked: it gives the answers that are put into it."""

    def __init__(self) -> None:
        self.answer: httpx.Response | Exception = httpx.Response(200, json={"id": 7})
        self.asked = 0

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def other() -> Other:
    return Other()


@pytest.fixture
def neighbour(other: Other) -> Neighbour:
    made = Neighbour("other", "http://other", "token")
    made._client = httpx.AsyncClient(base_url="http://other", transport=httpx.MockTransport(other))
    return made


async def fails(neighbour: Neighbour) -> None:
    with pytest.raises(Unreachable):
        await neighbour.get(Thing, "/internal/things/7")


async def test_a_neighbour_says_what_there_is_and_what_is_not(neighbour: Neighbour, other: Other) -> None:
    assert await neighbour.get(Thing, "/internal/things/7") == Thing(id=7)
    other.answer = httpx.Response(404)
    assert await neighbour.get(Thing, "/internal/things/8") is None


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.Response(500),
        httpx.Response(200, text="no JSON"),
        httpx.Response(200, json={"id": "no number"}),
    ],
)
async def test_a_neighbour_that_failed_thrice_is_left_alone_for_a_while(
    neighbour: Neighbour, other: Other, failure: httpx.Response | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(neighbours, "time", SimpleNamespace(monotonic=lambda: now))
    other.answer = failure
    for _ in range(FAILURES + 5):
        await fails(neighbour)
    assert other.asked == FAILURES

    now += neighbours.PAUSE + 0.1
    await fails(neighbour)
    assert other.asked == FAILURES + 1, "tried once, and left alone again"
    await fails(neighbour)
    assert other.asked == FAILURES + 1

    now += neighbours.PAUSE + 0.1
    other.answer = httpx.Response(200, json={"id": 7})
    assert await neighbour.get(Thing, "/internal/things/7") == Thing(id=7)


async def test_only_failures_in_a_row_count(neighbour: Neighbour, other: Other) -> None:
    for _ in range(FAILURES):
        other.answer = httpx.ConnectError("refused")
        await fails(neighbour)
        other.answer = httpx.Response(404)
        assert await neighbour.get(Thing, "/internal/things/7") is None
