"""The table `routes.txt`, and the routes that the services and the gateway really have."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi.routing import APIRoute, APIWebSocketRoute

from deploy.local.processes import GATEWAY, SERVICES
from gateway import own
from shared.service import find

CALLERS = ("dead", "anonymous", "other_student", "other_tutor", "student", "tutor", "admin")
PATH = Path(__file__).parent / "routes.txt"
REFUSED = frozenset({401, 403, 404, 405, 4401, 4403})


@dataclass(frozen=True)
class Row:
    """A route, the status that each caller is answered, and the audit entry that whoever succeeds leaves."""

    method: str
    path: str
    expected: dict[str, int]
    action: str | None
    details: tuple[str, ...]

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_for_administrators(self) -> bool:
        return self.expected["student"] == self.expected["tutor"] == 403 and self.expected["admin"] < 400

    def __str__(self) -> str:
        return self.route


def rows() -> list[Row]:
    """The table as it is written."""
    lines = PATH.read_text().splitlines()
    return [_row(line) for line in lines if line.strip() and not line.startswith("#")]


def declared() -> dict[str, str]:
    """Every route that a client may know, and whose it is."""
    return {route: owner for owner, route in (*_all(), *_own()) if " /internal/" not in route}


def internal() -> dict[str, str]:
    """Every route that only services may call, and whose it is (where several have it, one of them)."""
    return {route: service for service, route in _all() if " /internal/" in route}


def _row(line: str) -> Row:
    method, path, *cells = line.split()
    statuses, audit = cells[: len(CALLERS)], cells[len(CALLERS)]
    action, _, details = audit.rstrip(")").partition("(")
    expected = dict(zip(CALLERS, map(int, statuses), strict=True))
    return Row(method, path, expected, None if action == "-" else action, tuple(details.split(",")) if details else ())


def _all() -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        for router in find(service).routers:
            for route in router.routes:
                if isinstance(route, APIWebSocketRoute):
                    yield service, f"WS {route.path}"
                else:
                    assert isinstance(route, APIRoute), route
                    yield from ((service, f"{method} {route.path}") for method in sorted(route.methods or ()))


def _own() -> Iterator[tuple[str, str]]:
    for path in own.ROUTES:
        yield from ((GATEWAY, f"{method} {path.replace('*', '{file}')}") for method in own.METHODS)
