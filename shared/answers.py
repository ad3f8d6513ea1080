"""What each route may answer besides success: read from the code that it can reach, so that the OpenAPI document says it and
stays true without anybody writing it down."""

import inspect
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext

from shared.errors import BadRequest, Invalid, Refusal, TooLarge, UnsupportedMediaType

Json = dict[str, Any]
OURS: Final = ("services.", "shared.")
OF_A_BODY: Final[set[type[Refusal]]] = {BadRequest, TooLarge, UnsupportedMediaType}  # bad: not even bytes of a text
ANY_STATUS: Final[tuple[int | str, ...]] = ("4XX", "5XX")
REASONS: Final = {
    400: "The request cannot be done",
    401: "Sign in, the access token is missing or not valid",
    402: "To be paid for first",
    403: "Not for this account",
    404: "Not there, or not yours",
    409: "In conflict with what there is",
    410: "Not there any more",
    413: "Too large",
    415: "Of a media type that is not taken here",
    422: "Not valid",
    429: "Too many requests, see Retry-After",
    500: "Something went wrong on our side",
    503: "Not available at the moment, see Retry-After",
}


def of(route: RouteContext) -> Json:
    """The `responses` of what may go wrong, by status; each names the codes by which programs tell reasons apart."""
    codes: dict[int, set[str]] = defaultdict(set)
    found = reachable(*_calls(route.dependant)) | _of_the_request(route)
    for refusal in found - getattr(route.endpoint, "never", set()):
        codes[refusal.status].add(refusal.code)
    if invalid := getattr(route.endpoint, "invalid_status", 0):
        codes[invalid].add(Invalid.code)
    codes[500].add("internal_error")
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": _described(status, codes[status]), "content": content} for status in sorted(codes)}


def reachable(*roots: object) -> set[type[Refusal]]:
    """The refusals that these functions, and what they call of our own, may raise; rather too many than too few."""
    found: set[type[Refusal]] = set()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not str(getattr(thing, "__module__", "")).startswith(OURS):
            continue
        seen.add(id(thing))
        thing = inspect.unwrap(thing)  # type: ignore[arg-type]  # whatever it is: what is not wrapped comes back
        if isinstance(thing, type) and issubclass(thing, Refusal):
            found |= {thing} - {Refusal}
        elif isinstance(thing, type):
            waiting += (getattr(member, "__func__", getattr(member, "fget", member)) for member in vars(thing).values())
        elif isinstance(thing, FunctionType):
            waiting += _named_in(thing)
        elif callable(thing):
            waiting.append(type(thing))
    return found


@cache
def _named_in(function: FunctionType) -> list[object]:
    """Everything that a function's code, and that of the functions inside it, speaks of."""
    return list(_named(function))


def _named(function: FunctionType) -> Iterator[object]:
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        yield value
        if isinstance(value, ModuleType):
            yield from (getattr(value, attribute, None) for attribute in names)
    for cell in function.__closure__ or ():
        yield cell.cell_contents


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


def _of_the_request(route: RouteContext) -> set[type[Refusal]]:
    has_body = bool(route.body_field or (route.openapi_extra or {}).get("requestBody"))
    has_values = has_body or any(_values(route.dependant))
    is_422 = not hasattr(route.endpoint, "invalid_status")
    return ({Invalid} if has_values and is_422 else set()) | (OF_A_BODY if has_body else set())


def _values(dependant: Dependant) -> Iterator[object]:
    yield from (*dependant.path_params, *dependant.query_params, *dependant.header_params)
    for each in dependant.dependencies:
        yield from _values(each)


def _described(status: int, codes: set[str]) -> str:
    return f"{REASONS.get(status, 'Refused')}: {', '.join(f'`{code}`' for code in sorted(codes))}"
