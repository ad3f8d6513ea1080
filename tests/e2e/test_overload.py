"""Fifty times more requests at once than a service has database connections: all are answered, and nothing suffers for long."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from deploy.local.suite import Suite
from shared.db import POOL_WAIT
from shared.threads import PATIENCE
from tests.busy import busy
from tests.e2e.files import file
from tests.e2e.people import PASSWORD, Person, approved_tutor, registers
from tests.e2e.storm import Asked, Watch, storm
from tests.waiting import eventually

AT_ONCE = 500
RACERS = 200
REFUSED = {429, 503}
HEALTHY = 2.0  # seconds in which a health check is answered whatever else goes on
IN_GATEWAY, MARGIN = 5.0, 1.0  # seconds: the most that a request waits for the service, and for chance
IN_SERVICE = defaultdict(lambda: POOL_WAIT, login=PATIENCE, register=PATIENCE, upload=PATIENCE)  # for a connection, or a thread
IDLE_AGAIN = 3  # times as long as one request took before, and
FLOOR = 0.2  # seconds, which mean nothing
QUIET = 5.0  # seconds after a crowd until it is so again

KINDS = (
    *("login", "register", "me", "upload", "tutors", "slots", "packages", "bookings", "book"),
    *("message", "search", "threads", "notifications", "websocket", "stats", "audit"),
)
DONE = {101, 200, 201}

pytestmark = pytest.mark.timeout(240)
Asking = Callable[[int], Asked]


@pytest.fixture(scope="module")
async def tutor(gateway: str, administrator: Person) -> tuple[Person, int]:
    return await approved_tutor(gateway, administrator)


@pytest.fixture(scope="module")
async def students(gateway: str) -> list[Person]:
    return [await registers(gateway) for _ in range(5)]


@pytest.fixture(scope="module")
def kinds(gateway: str, students: list[Person], tutor: tuple[Person, int], administrator: Person) -> dict[str, Asking]:
    """A request of each kind, by number."""
    teacher, tutor_id = tutor
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)

    def somebody(n: int) -> Person:
        return students[n % len(students)]

    def booking(n: int) -> Asked:
        body = {"tutor_profile_id": tutor_id, "start_at": (first + timedelta(hours=n)).isoformat(), "duration_minutes": 60}
        return Asked("POST", "/api/bookings", somebody(n), body | {"lesson_type": "online"})

    def slots(n: int) -> Asked:
        span = f"start_date={first.date()}&end_date={first.date() + timedelta(days=14)}"
        return Asked("GET", f"/api/tutors/{tutor_id}/available-slots?{span}", somebody(n))

    def newcomer(_: int) -> Asked:
        names = {"first_name": "New", "last_name": "Comer"}
        return Asked("POST", "/auth/register", None, {"email": f"new.{uuid4().hex}@example.com", "password": PASSWORD, **names})

    def upload(n: int) -> Asked:
        form = httpx.Request("POST", gateway, files={"file": file("photo.png")})
        kind = (f"content-type: {form.headers['content-type']}",)
        return Asked("POST", "/api/users/me/avatar", somebody(n), content=form.read(), headers=kind)

    def handshake(n: int) -> Asked:
        who = somebody(n)
        key = (
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        return Asked("GET", f"/ws/{who.id}?token={who.token}", headers=key)

    return {
        "register": newcomer,
        "slots": slots,
        "search": lambda n: Asked("GET", "/api/messages/search?query=hello", somebody(n)),
        "packages": lambda n: Asked("GET", f"/api/packages?tutor_id={tutor_id}", somebody(n)),
        "upload": upload,
        "audit": lambda _: Asked("GET", "/api/audit/logs", administrator),
        "websocket": handshake,
        "login": lambda n: Asked("POST", "/auth/login", None, {"email": somebody(n).email, "password": PASSWORD}),
        "me": lambda n: Asked("GET", "/auth/me", somebody(n)),
        "tutors": lambda n: Asked("GET", "/api/tutors?search=math", somebody(n)),
        "bookings": lambda n: Asked("GET", "/api/bookings", somebody(n)),
        "book": booking,
        "message": lambda n: Asked("POST", "/api/messages", somebody(n), {"recipient_id": teacher.id, "message": f"hello {n}"}),
        "threads": lambda _: Asked("GET", "/api/messages/threads", teacher),
        "notifications": lambda _: Asked("GET", "/api/notifications", teacher),
        "stats": lambda _: Asked("GET", "/api/admin/dashboard/stats", administrator),
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_every_request_of_a_crowd_is_answered_and_the_system_stays_in_health(
    kind: str, gateway: str, kinds: dict[str, Asking]
) -> None:
    alone, slower = await seconds_alone(gateway, kinds[kind]), busy()

    async with Watch(gateway, "/health") as health:
        crowd = await storm(gateway, AT_ONCE, kinds[kind])

    assert len(crowd.answers) == AT_ONCE
    assert {status for status in crowd.statuses if status not in DONE} <= REFUSED, crowd.statuses
    assert crowd.seconds_of(DONE)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in crowd.answers if answer.status in REFUSED)
    assert max(crowd.seconds_of(REFUSED), default=0.0) < (IN_GATEWAY + IN_SERVICE[kind] + MARGIN) * slower
    assert {answer.status for answer in health.answers} <= {200, 503}
    assert max(health.seconds) < HEALTHY * slower

    async def as_before() -> bool:
        return await seconds_alone(gateway, kinds[kind]) < IDLE_AGAIN * alone + FLOOR

    await eventually(as_before, QUIET * slower)


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("auth", Asked("PUT", "/auth/me", body={"first_name": "Racer"})),
        ("notifications", Asked("PATCH", "/api/notifications/mark-all-read")),
        ("messaging", Asked("PATCH", "/api/messages/threads/{other}/read-all")),
    ],
)
async def test_writes_that_race_for_one_row_keep_nobody_else_waiting(
    service: str, asked: Asked, suite: Suite, gateway: str, students: list[Person], tutor: tuple[Person, int]
) -> None:
    """The service's own loop goes on answering while they queue for the row."""
    path = asked.path.format(other=tutor[0].id)
    mine = Asked(asked.method, path, students[0], asked.body)

    slower = busy()

    async with Watch(f"http://127.0.0.1:{suite.deployment.ports[service]}", "/health/live") as live:
        racers = await storm(gateway, RACERS, lambda _: mine)

    assert set(racers.statuses) <= {200, 503}, racers.statuses
    assert {answer.status for answer in live.answers} == {200}
    assert max(live.seconds) < HEALTHY * slower


async def seconds_alone(gateway: str, asking: Asking) -> float:
    """How long one request takes, nobody else asking."""
    one = await storm(gateway, 1, lambda n: asking(AT_ONCE + n))
    assert one.statuses[500] == 0
    return one.seconds[0]
