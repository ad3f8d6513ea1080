"""Every path goes to its owner, spelled one way; what belongs to nobody, or could be read in two ways, goes nowhere."""

import asyncio

import httpx
import pytest

from gateway.paths import canonical
from gateway.routes import Access, Routes
from tests.gateway.conftest import Running, Services
from tests.gateway.keys import token

OWNERS = [
    ("/auth/me", "auth"),
    ("/auth/anything/new", "auth"),
    ("/.well-known/jwks.json", "auth"),
    ("/api/users/me/avatar", "auth"),
    ("/api/users/currency/options", "auth"),
    ("/api/avatars/default.png", "auth"),
    ("/api/admin/users", "auth"),
    ("/api/admin/users/5", "auth"),
    ("/api/audit/soft-delete-user", "auth"),
    ("/api/audit/deleted-users", "auth"),
    ("/api/audit/logs", "reporting"),
    ("/api/tutors", "profiles"),
    ("/api/tutors/5", "profiles"),
    ("/api/tutors/5/public", "profiles"),
    ("/api/tutors/me/profile", "profiles"),
    ("/api/tutors/me/photo", "profiles"),
    ("/api/tutors/availability", "profiles"),
    ("/api/tutors/availability/bulk", "profiles"),
    ("/api/tutors/5/reviews", "bookings"),
    ("/api/tutors/5/available-slots", "bookings"),
    ("/api/profile/student/me", "profiles"),
    ("/api/students/favorites", "profiles"),
    ("/api/students/favorites/5", "profiles"),
    ("/api/subjects/5", "profiles"),
    ("/api/utils/phone-codes", "profiles"),
    ("/api/admin/tutors/pending", "profiles"),
    ("/api/bookings", "bookings"),
    ("/api/bookings/5/calendar.ics", "bookings"),
    ("/api/tutor/bookings/5/confirm", "bookings"),
    ("/api/packages/5/use-credit", "bookings"),
    ("/api/reviews", "bookings"),
    ("/api/reviews/tutors/5", "bookings"),
    ("/api/messages/threads/5", "messaging"),
    ("/api/messages/with-attachment", "messaging"),
    ("/api/notifications/mark-all-read", "notifications"),
    ("/ws/42", "notifications"),
    ("/api/admin/dashboard/stats", "reporting"),
    ("/api/health/integrity", "reporting"),
]
NOBODYS = ["/", "/api", "/api/nothing", "/authentic", "/api/tutorsx", "/internal/users", "/api/health", "/ws", "/api/v1", "/.env"]
HIDDEN = ["/internal", "/internal/x", "/api/internal", "/health/db", "/auth/../internal", "/metrics/x"]
CROOKED = [
    "/auth/../internal/x",
    "/auth/..%2finternal",
    "/auth/%2e%2e/internal",
    "/auth/%2E%2e/internal",
    "/auth/.%2e/internal",
    "/auth/./me",
    "/auth//me",
    "//auth/me",
    "/auth/me//",
    "/auth/me%2f..%2f",
    "/auth/%2fme",
    "/auth/%5cme",
    "/auth\\me",
    "/auth/%00",
    "/auth/me%0d%0a",
    "/auth/me%",
    "/auth/me%2",
    "/auth/me%zz",
    "/auth/%252e%252e/internal",
    "/auth/..;/internal",
    "/auth/me;x=y",
    "/auth/me%3bx",
    "/auth/%23me",
    "/auth/me%3fa=b",
    "/auth/%7f",
    "/auth/me/..",
    "/..",
    "/auth/" + "a/" * 20,
]


def test_a_path_is_remembered_unless_it_is_long() -> None:
    """Else thousands of addresses that nobody has would stay, with kilobytes each."""
    routes, path, long = Routes(), b"/api/tutors/5", b"/api/tutors/" + b"x" * 2_000

    assert routes.lookup(path) is routes.lookup(path)
    assert routes.lookup(long) == routes.lookup(long)
    assert routes.lookup(long) is not routes.lookup(long)


@pytest.mark.parametrize(("path", "owner"), OWNERS)
def test_a_path_belongs_to_its_service(path: str, owner: str) -> None:
    route = Routes().find(path)

    assert route is not None
    assert route.service == owner


@pytest.mark.parametrize("path", NOBODYS)
async def test_what_belongs_to_nobody_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)

    assert answer.status_code in (400, 404)
    assert answer.json().keys() == {"detail", "code"}


@pytest.mark.parametrize(
    ("method", "path", "access"),
    [
        ("POST", "/auth/register", Access.OPEN),
        ("POST", "/auth/login", Access.OPEN),
        ("POST", "/auth/refresh", Access.OPEN),
        ("GET", "/auth/me", Access.REQUIRED),
        ("POST", "/auth/change-password", Access.REQUIRED),
        ("GET", "/api/tutors", Access.OPTIONAL),
        ("GET", "/api/tutors/5", Access.REQUIRED),
        ("GET", "/api/tutors/5/public", Access.OPTIONAL),
        ("GET", "/api/tutors/5/reviews", Access.OPTIONAL),
        ("GET", "/api/tutors/5/available-slots", Access.REQUIRED),
        ("GET", "/api/subjects", Access.PUBLIC),
        ("HEAD", "/api/subjects", Access.PUBLIC),
        ("POST", "/api/subjects", Access.REQUIRED),
        ("DELETE", "/api/subjects/5", Access.REQUIRED),
        ("GET", "/api/reviews/tutors/5", Access.OPTIONAL),
        ("POST", "/api/reviews", Access.REQUIRED),
        ("GET", "/api/utils/countries", Access.PUBLIC),
        ("GET", "/api/avatars/1.webp", Access.OPEN),
        ("GET", "/api/packages", Access.REQUIRED),
        ("GET", "/api/health/integrity", Access.REQUIRED),
    ],
)
def test_the_table_knows_who_may_come_through(method: str, path: str, access: Access) -> None:
    route = Routes().find(path)

    assert route is not None
    assert route.needs(method) is access


@pytest.mark.parametrize(
    ("given", "forwarded"),
    [
        ("/api/v1/tutors?page=2", "/api/tutors?page=2"),
        ("/api/v1/auth/me", "/auth/me"),
        ("/auth/me/", "/auth/me"),
        ("/auth/%6De", "/auth/me"),
        ("/api/tutors?search=%2e%2e%2f%00", "/api/tutors?search=%2e%2e%2f%00"),
        ("/api/avatars/%C3%A9.png", "/api/avatars/%C3%A9.png"),
        ("/api/tutors?", "/api/tutors"),
    ],
)
async def test_a_path_has_one_spelling(http: httpx.AsyncClient, services: Services, given: str, forwarded: str) -> None:
    answer = await http.get(given, headers={"Authorization": f"Bearer {token(1)}"})

    assert answer.json()["target"] == forwarded


@pytest.mark.parametrize("path", CROOKED + HIDDEN)
async def test_a_crooked_or_hidden_path_reaches_no_service(gateway: Running, services: Services, path: str) -> None:
    reader, writer = await gateway.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token(1)}\r\nConnection: close\r\n\r\n".encode())

    answer = await reader.read()

    assert answer.split(b" ")[1] in (b"400", b"404"), answer
    assert b'"code"' in answer
    assert not [seen for service in services.values() for seen in service.seen]
    writer.close()


def test_a_canonical_path_stays_as_it_is() -> None:
    for path, _ in OWNERS:
        again = canonical(path.encode())
        assert again == path
        assert canonical(again.encode()) == again


async def test_the_services_own_operations_are_not_reachable(http: httpx.AsyncClient, services: Services) -> None:
    metrics, ready = await asyncio.gather(http.get("/metrics"), http.get("/health/ready"))

    assert "edustream_gateway" in metrics.text
    assert ready.json() == {"status": "healthy"}
    assert not [seen for service in services.values() for seen in service.seen]
