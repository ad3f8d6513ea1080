"""Fifty times more requests at once than a service has database connections: all are answered, and nothing suffers for long."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.suite import Suite
from tests.e2e.people import PASSWORD, Person, approved_tutor, registers
from tests.e2e.storm import Asked, Watch, storm
from tests.waiting import eventually

AT_ONCE = 500
RACERS = 200
REFUSED = {429, 503}
IDLE_AGAIN = 10  # times as long as one request took before

pytestmark = pytest.mark.timeout(240)
Asking = Callable[[int], Asked]


@pytest.fixture(scope="module")
async def tutor(gateway: str, administrator: Person) -> tuple[Person, int]:
    return await approved_tutor(gateway, administrator)


@pytest.fixture(scope="module")
async def students(gateway: str) -> list[Person]:
    return [await registers(gateway) for _ in range(5)]


@pytest.fixture(scope="module")
def kinds(students: list[Person], tutor: tuple[Person, int], administrator: Person) -> dict[str, Asking]:
    """A request of each kind, by number."""
    teacher, tutor_id = tutor
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)

    def somebody(n: int) -> Person:
        return students[n % len(students)]

    def booking(n: int) -> Asked:
        body = {"tutor_profile_id": tutor_id, "start_at": (first + timedelta(hours=n)).isoformat(), "duration_minutes": 60}
        return Asked("POST", "/api/bookings", somebody(n), body | {"lesson_type": "online"})

    return {
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


@pytest.mark.parametrize("kind", ["login", "me", "tutors", "bookings", "book", "message", "threads", "notifications", "stats"])
async def test_every_request_of_a_crowd_is_answered_and_the_system_stays_in_health(
    kind: str, gateway: str, kinds: dict[str, Asking]
) -> None:
    alone = await seconds_alone(gateway, kinds[kind])

    async with Watch(gateway, "/health") as health:
        crowd = await storm(gateway, AT_ONCE, kinds[kind])

    assert len(crowd.answers) == AT_ONCE
    assert {status for status in crowd.statuses if status not in (200, 201)} <= REFUSED, crowd.statuses
    assert crowd.statuses[200] + crowd.statuses[201] > 0
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in crowd.answers if answer.status in REFUSED)
    assert {answer.status for answer in health.answers} <= {200, 503}

    async def as_before() -> bool:
        return await seconds_alone(gateway, kinds[kind]) < IDLE_AGAIN * alone

    await eventually(as_before, 20)


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

    async with Watch(f"http://127.0.0.1:{suite.deployment.ports[service]}", "/health/live") as live:
        racers = await storm(gateway, RACERS, lambda _: mine)

    assert set(racers.statuses) <= {200, 503}, racers.statuses
    assert {answer.status for answer in live.answers} == {200}
    assert len(live.answers) > 3, "it was silent while they raced"


async def seconds_alone(gateway: str, asking: Asking) -> float:
    """How long one request takes, nobody else asking."""
    one = await storm(gateway, 1, lambda n: asking(AT_ONCE + n))
    assert one.statuses[500] == 0
    return one.seconds[0]
