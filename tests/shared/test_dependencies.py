"""What routes ask for: nothing of it may take the long way over a thread, as FastAPI sends whatever is not a coroutine."""

import inspect
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.cli import services
from shared.service import find


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls(each)


def stays_on_the_loop(call: object) -> bool:
    called = call if inspect.isroutine(call) else getattr(call, "__call__", call)  # noqa: B004  # the method itself is looked at
    return not inspect.isclass(call) and (inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called))


@pytest.mark.parametrize("service", services())
def test_routes_and_what_they_ask_for_stay_on_the_event_loop(service: str) -> None:
    routes = [route for router in find(service).routers for route in router.routes if isinstance(route, APIRoute)]
    assert routes
    elsewhere = {(route.path, call) for route in routes for call in calls(route.dependant) if not stays_on_the_loop(call)}

    assert elsewhere == set()
