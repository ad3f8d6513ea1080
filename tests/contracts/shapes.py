"""Shapes of answers, written as JSON: what an answer must be, by value where the value is known and by meaning where it is not.

An object asks for its keys (there may be more), a list for as many elements, all else for itself. `"<id>"` and its like name a
kind of value. `{"<each>": shape, "<some>": [shapes]}` is a list that is not empty: each element has the first shape, and for each
of the others there is an element. A list of one object is a list that is not empty, too, each element of that shape.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LATELY = timedelta(minutes=15)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def problems(shape: Any, value: Any, where: str = "$") -> list[str]:
    """Everything in which `value` is not of this shape."""
    if isinstance(shape, dict):
        return _list_problems(shape, value, where) if shape.keys() & {"<each>", "<some>"} else _object(shape, value, where)
    if isinstance(shape, list):
        if len(shape) == 1 and isinstance(shape[0], dict):
            return _list_problems({"<each>": shape[0]}, value, where)
        return _elements(shape, value, where)
    if isinstance(shape, str) and shape.startswith("<") and shape.endswith(">"):
        return [] if _is(shape[1:-1], value) else [f"{where}: {value!r} is no {shape}"]
    same = shape == value and isinstance(shape, bool) == isinstance(value, bool) and (shape is None) == (value is None)
    return [] if same else [f"{where}: {value!r} is not {shape!r}"]


def _object(shape: dict[str, Any], value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    missing = [f"{where}.{key}: is missing" for key in shape if key not in value]
    return missing + [p for key in shape if key in value for p in problems(shape[key], value[key], f"{where}.{key}")]


def _elements(shape: list[Any], value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or len(value) != len(shape):
        return [f"{where}: {value!r} is no list of {len(shape)}"]
    return [p for n, (s, v) in enumerate(zip(shape, value, strict=True)) for p in problems(s, v, f"{where}[{n}]")]


def _list_problems(shape: dict[str, Any], value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not value:
        return [f"{where}: {value!r} is no list that has elements"]
    wrong = [p for n, v in enumerate(value) for p in problems(shape["<each>"], v, f"{where}[{n}]")] if "<each>" in shape else []
    for some in shape.get("<some>", []):
        tried = [problems(some, v, f"{where}[{n}]") for n, v in enumerate(value)]
        if all(tried):
            wrong.append(f"{where}: none of {len(value)} is {some!r}; closest: {min(tried, key=len)}")
    return wrong


def _is(kind: str, value: Any) -> bool:
    if kind.endswith(" or null"):
        return value is None or _is(kind.removesuffix(" or null"), value)
    if kind.startswith("one of "):
        return value in kind.removeprefix("one of ").split("|")
    return KINDS[kind](value)


def _whole(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _number(most: float, decimals: int) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and 0 <= value <= most and round(value, decimals) == value


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


def _parsed(parse: Callable[[str], object]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(parse(value))
        except ValueError:
            return False

    return check


def _instant(value: str) -> datetime:
    if not INSTANT.fullmatch(value):
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


KINDS: dict[str, Callable[[Any], bool]] = {
    "id": _whole(1),
    "count": _whole(0),
    "positive": _whole(1),
    "stars": _whole(1, 5),
    "amount": _number(float("inf"), 2),
    "rating": _number(5, 2),
    "share": _number(1, 4),
    "bool": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "text": _text(r".*\S.*"),
    "url": _parsed(_url),
    "picture": _text(r"https?://.+/[0-9a-f]{32}\.webp"),
    "jwt": _text(r"[\w-]+\.[\w-]+\.[\w-]+"),
    "currency": _text("[A-Z]{3}"),
    "country": _text("[A-Z]{2}"),
    "language": _text("[a-z]{2}"),
    "calling code": _text(r"\+\d[\d-]*"),
    "clock": _text(r"([01]\d|2[0-3]):[0-5]\d|24:00"),
    "weekday": lambda value: value in DAYS,
    "month": _text(r"\d{4}-(0[1-9]|1[0-2])"),
    "instant": _parsed(_instant),
    "now": _parsed(lambda value: abs(datetime.now(UTC) - _instant(value)) < LATELY),
    "uuid": _parsed(UUID),
    "address": _parsed(ip_address),
}
