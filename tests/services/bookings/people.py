"""Tutors and students as the bookings service hears of them, and clients that act for them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, LiteralString

import httpx

from services.bookings import jobs
from shared import auth
from shared.events.auth import UserChanged, UserPurged, UserRegistered
from shared.events.profiles import SubjectRef, TutorChanged, Window
from shared.worker import Runtime
from tests.harness import Harness

MATH = SubjectRef(id=1, name="Mathematics")
WHOLE_WEEK = [Window(weekday=day, start=time(0), end=time(0)) for day in range(7)]
_NUMBERS = count(1000)


def next_id() -> int:
    return next(_NUMBERS)


def in_days(days: float, hour: int = 12, minute: int = 0) -> datetime:
    """A whole minute of the clock (UTC) some days from now."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)


def account(user_id: int, role: str = "student", version: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "version": version,
        "email": f"person{user_id}@example.com",
        "role": role,
        "first_name": "Jane" if role == "student" else "John",
        "last_name": "Student" if role == "student" else "Tutor",
        "avatar_url": f"http://localhost:8000/api/avatars/{user_id}.webp",
        "currency": "USD",
        "timezone": "Europe/Berlin",
        "is_active": True,
        "is_verified": True,
        "created_at": datetime.now(UTC),
    } | changes


def tutor_event(tutor_id: int, user_id: int, version: int = 1, **changes: Any) -> TutorChanged:
    state: dict[str, Any] = {
        "tutor_id": tutor_id,
        "user_id": user_id,
        "version": version,
        "status": "approved",
        "is_active": True,
        "name": "John Tutor",
        "title": "Teacher",
        "hourly_rate": Decimal("45.00"),
        "currency": "USD",
        "timezone": "UTC",
        "subjects": [MATH],
        "windows": WHOLE_WEEK,
        "days_off": [],
    }
    return TutorChanged(**state | changes)


class Tutor:
    """A tutor everybody has heard of, bookable at any time unless changed."""

    def __init__(self, service: Harness) -> None:
        self.service = service
        self.id, self.user_id, self.version = next_id(), next_id(), 1
        self.client: httpx.AsyncClient = service.person(self.user_id, "tutor")
        self._state: dict[str, Any] = {}

    async def changes(self, **changes: Any) -> None:
        """Profiles says something new of the tutor."""
        self.version += 1
        self._state |= changes
        await self.service.deliver(tutor_event(self.id, self.user_id, self.version, **self._state))

    async def confirms(self, booking_id: int) -> None:
        answer = await self.client.post(f"/api/tutor/bookings/{booking_id}/confirm")
        assert answer.status_code == 200, answer.text


class Student:
    def __init__(self, service: Harness) -> None:
        self.service = service
        self.user_id = next_id()
        self.client: httpx.AsyncClient = service.person(self.user_id, "student")

    async def asks(self, tutor: Tutor, start_at: datetime, minutes: int = 60, **more: Any) -> httpx.Response:
        return await self.client.post("/api/bookings", json=request(tutor, start_at, minutes, **more))

    async def books(self, tutor: Tutor, start_at: datetime, minutes: int = 60, **more: Any) -> dict[str, Any]:
        answer = await self.asks(tutor, start_at, minutes, **more)
        assert answer.status_code == 201, answer.text
        booking: dict[str, Any] = answer.json()
        return booking


def request(tutor: Tutor, start_at: datetime, minutes: int = 60, **more: Any) -> dict[str, Any]:
    body = {"tutor_profile_id": tutor.id, "start_at": start_at.isoformat(), "duration_minutes": minutes, "lesson_type": "online"}
    return body | more


async def a_tutor(service: Harness, **changes: Any) -> Tutor:
    tutor = Tutor(service)
    await service.deliver(UserRegistered(**account(tutor.user_id, "tutor")))
    await tutor.changes(**changes)
    return tutor


async def a_student(service: Harness, **changes: Any) -> Student:
    student = Student(service)
    await service.deliver(UserRegistered(**account(student.user_id, **changes)))
    return student


async def deactivated(service: Harness, user_id: int, role: str = "student") -> None:
    await service.deliver(UserChanged(**account(user_id, role, 2, is_active=False)))


async def deleted(service: Harness, user_id: int, role: str = "student", version: int = 3) -> None:
    gone = {"is_active": False, "deleted_at": datetime.now(UTC)}
    await service.deliver(UserChanged(**account(user_id, role, version, **gone)))


async def purged(service: Harness, user_id: int, role: str = "student") -> None:
    names = {"first_name": "Deleted", "last_name": "user", "is_active": False, "purged": True}
    await service.deliver(UserPurged(**account(user_id, role, 9, **names)))


@contextmanager
def clock(service: Harness, at: datetime) -> Iterator[None]:
    """For the requests inside, it is `at`."""

    async def now() -> datetime:
        return at

    service.app.dependency_overrides[auth._now] = now
    try:
        yield
    finally:
        del service.app.dependency_overrides[auth._now]


async def work(service: Harness, *jobs: Callable[[Runtime], Awaitable[None]]) -> None:
    """Run jobs of the worker once, as a worker would."""
    for job in jobs:
        await job(Runtime(service.app.state.settings, service.database))


async def rows(service: Harness, sql: LiteralString, **params: Any) -> list[dict[str, Any]]:
    async with service.database.reading() as tx:
        return await tx.rows(sql, **params)


async def a_completed_lesson(service: Harness, tutor: Tutor, student: Student, days_ago: float = 2) -> dict[str, Any]:
    """Asked for, agreed on and held in the past, and noticed by the worker."""
    start = in_days(-days_ago)
    with clock(service, start - timedelta(days=2)):
        booking = await student.books(tutor, start)
        await tutor.confirms(booking["id"])
    await work(service, jobs.complete_lessons)
    return booking
