"""What a route may answer is found wherever its code can reach."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from shared import answers
from shared.errors import BadRequest, Conflict, Forbidden, NotFound, Refusal
from shared.http import never_answers


class Taken(Conflict):
    pass


class Missing(NotFound):
    pass


@pytest.fixture(autouse=True)
def these_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "OURS", (__name__, *answers.OURS))


class Guard:
    async def check(self) -> None:
        raise Forbidden


def decide() -> None:
    raise Taken


async def guarded() -> Guard:
    return Guard()


async def route(guard: Annotated[Guard, Depends(guarded)], *, is_there: bool) -> None:
    async def look() -> None:
        if not is_there:
            raise Missing
        decide()

    await look()


async def rarely(guard: Annotated[Guard, Depends(guarded)], *, is_there: bool) -> None:
    await route(guard, is_there=is_there)


async def harmless() -> int:
    try:
        return int("1")
    except Refusal:
        return 0


def test_refusals_are_found_in_functions_inside_and_called() -> None:
    assert answers.reachable(route) == {Missing, Taken}


def test_refusals_of_the_methods_of_a_class_that_is_made_are_found() -> None:
    assert answers.reachable(guarded) == {Forbidden}


def test_what_a_route_never_answers_is_not_said_of_it() -> None:
    app = FastAPI()
    app.get("/both")(route)
    app.get("/one")(never_answers(Taken)(rarely))
    found = {
        each.path_format: answers.of(each)
        for each in iter_route_contexts(app.routes)
        if isinstance(each.original_route, APIRoute)
    }

    assert {"404", "409"} < found["/both"].keys()
    assert found["/both"].keys() - found["/one"].keys() == {"409"}


def test_what_is_only_caught_of_all_refusals_is_none() -> None:
    assert answers.reachable(harmless) == set()


def test_what_is_not_ours_is_not_looked_into() -> None:
    assert answers.reachable(print, len, BadRequest) == {BadRequest}
