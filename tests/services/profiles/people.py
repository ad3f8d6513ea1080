"""Tutors, students and administrators of the profiles service, made as events make them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx

from shared.events.auth import UserChanged, UserRegistered
from tests.harness import Harness

WEEK = [{"day_of_week": "monday", "start_time": "09:00", "end_time": "17:00"}]
_ids = count(1000)


def account(user_id: int, role: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    """What events say of an account."""
    return {
        "user_id": user_id,
        "version": version,
        "email": f"person{user_id}@example.com",
        "role": role,
        "first_name": "Terry",
        "last_name": f"Number{user_id}",
        "avatar_url": f"http://localhost:8000/api/avatars/{user_id}.webp",
        "currency": "USD",
        "timezone": "UTC",
        "is_active": True,
        "is_verified": True,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    } | fields


class Person:
    """One account with its client. `tutor_id` is the profile's, of tutors that asked for it."""

    def __init__(self, service: Harness, user_id: int, role: str) -> None:
        self.service, self.user_id, self.role = service, user_id, role
        self.client = service.person(user_id, role)
        self.tutor_id = 0
        self.version = 1

    async def call(self, method: str, path: str, status: int = 200, **values: Any) -> Any:
        answer = await self.client.request(method, path, **values)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return await self.call("GET", path, status, params=query)

    async def changes(self, **fields: Any) -> None:
        """Auth tells of a change of the account."""
        self.version += 1
        self.role = fields.pop("role", self.role)
        await self.service.deliver(UserChanged(**account(self.user_id, self.role, self.version, **fields)))

    async def profile(self) -> Any:
        return await self.get("/api/tutors/me/profile")


async def registers(service: Harness, role: str = "student", **fields: Any) -> Person:
    user_id = next(_ids)
    await service.deliver(UserRegistered(**account(user_id, role, **fields)))
    return Person(service, user_id, role)


def admin(service: Harness) -> Person:
    return Person(service, 1, "admin")


async def subject(service: Harness, name: str = "Mathematics", **fields: Any) -> int:
    made = await admin(service).call("POST", "/api/subjects", 201, json={"name": name, "category": "STEM"} | fields)
    return int(made["id"])


async def tutor(service: Harness, subject_ids: list[int] | None = None, rate: float = 45, **about: Any) -> Person:
    """A tutor whose profile is complete and not yet submitted. `about` are fields of that section, or the names."""
    names = {name: about.pop(name) for name in ("first_name", "last_name") if name in about}
    person = await registers(service, "tutor", **names)
    about = {"title": "Experienced tutor", "bio": "I make hard things easy.", "experience_years": 5, "languages": ["en"]} | about
    await person.call("PATCH", "/api/tutors/me/about", json=about)
    ids = subject_ids if subject_ids is not None else [await subject(service, f"Subject {person.user_id}")]
    await person.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": ids})
    await person.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": rate, "currency": "USD"})
    await person.call("PUT", "/api/tutors/me/availability", json={"timezone": "Europe/Kyiv", "weekly_schedule": WEEK})
    person.tutor_id = (await person.profile())["id"]
    return person


async def approved(service: Harness, subject_ids: list[int] | None = None, rate: float = 45, **about: Any) -> Person:
    """A tutor who can be found."""
    person = await tutor(service, subject_ids, rate, **about)
    await person.call("POST", "/api/tutors/me/submit")
    await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve")
    return person


async def found(client: httpx.AsyncClient, **query: Any) -> list[int]:
    """The profile ids on the first page of a search."""
    answer = await client.get("/api/tutors", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]
