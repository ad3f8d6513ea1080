"""People who use EduStream through the gateway, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import websockets

from tests.clients import plain_client
from tests.waiting import eventually

PASSWORD = "password123"
SECRETS = {PASSWORD}
"""Every password and token of this run; no log may hold one."""
_clients: list[httpx.AsyncClient] = []


class Person:
    """One signed-in person. Methods are named after what the person does; each asserts that it was allowed."""

    def __init__(self, client: httpx.AsyncClient, user: dict[str, Any], token: str) -> None:
        self.client = client
        self.id: int = user["id"]
        self.email: str = user["email"]
        self.token = token

    async def call(self, method: str, path: str, status: int = 200, **values: Any) -> Any:
        answer = await self.client.request(method, path, **values)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def get(self, path: str, **query: Any) -> Any:
        return await self.call("GET", path, params=query)

    async def fills_profile(self) -> int:
        """A tutor's title, subjects, price and calendar (every day from 00:00 to 24:00, New York); returns the profile's id."""
        about = {"title": "Experienced Math Tutor", "headline": "10 years of calculus", "bio": "I make hard things easy.",
                 "experience_years": 10, "languages": ["en", "es"]}  # fmt: skip
        await self.call("PATCH", "/api/tutors/me/about", json=about)
        subjects = await self.get("/api/subjects")
        await self.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [subjects[0]["id"]]})
        await self.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 45.0, "currency": "USD"})
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        week = [{"day_of_week": day, "start_time": "00:00", "end_time": "24:00"} for day in days]
        calendar = {"timezone": "America/New_York", "weekly_schedule": week}
        await self.call("PUT", "/api/tutors/me/availability", json=calendar)
        profile = await self.get("/api/tutors/me/profile")
        assert isinstance(profile["id"], int)
        return profile["id"]

    async def sees_slots(self, tutor_id: int) -> list[dict[str, Any]]:
        first = datetime.now(UTC).date() + timedelta(days=2)
        span = {"start_date": str(first), "end_date": str(first + timedelta(days=3)), "duration_minutes": 60}
        slots: list[dict[str, Any]] = await self.get(f"/api/tutors/{tutor_id}/available-slots", **span)
        return slots

    async def books(self, tutor_id: int, start_at: str, **more: Any) -> Any:
        body = {"tutor_profile_id": tutor_id, "start_at": start_at, "duration_minutes": 60, "lesson_type": "online"} | more
        return await self.call("POST", "/api/bookings", 201, json=body)

    async def notified_of(self, kind: str, within: float = 10, **data: Any) -> dict[str, Any]:
        """Waits for the in-app notification of this kind (with these `data`); there must be exactly one."""

        async def look() -> list[dict[str, Any]]:
            found = [n for n in await self.get("/api/notifications", page_size=100) if n["type"] == kind]
            return [n for n in found if data.items() <= n["data"].items()]

        found = await eventually(look, within)
        assert len(found) == 1, found
        return found[0]

    @asynccontextmanager
    async def online(self) -> AsyncIterator["Socket"]:
        url = str(self.client.base_url).replace("http", "ws", 1).rstrip("/")
        async with websockets.connect(f"{url}/ws/{self.id}?token={self.token}", proxy=None) as connection:
            socket = Socket(connection)
            await socket.ping()
            yield socket


class Socket:
    """A live connection that remembers what it was told."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self.told: list[dict[str, Any]] = []

    async def ping(self) -> None:
        await self._connection.send(json.dumps({"type": "ping"}))
        await self.hears("pong")

    async def hears(self, kind: str, within: float = 10, **fields: Any) -> dict[str, Any]:
        """The first message of this type with these fields, told before or still to come."""

        def matches(message: dict[str, Any]) -> bool:
            return message["type"] == kind and fields.items() <= message.items()

        async with asyncio.timeout(within):
            while not (found := [m for m in self.told if matches(m)]):
                self.told.append(json.loads(await self._connection.recv()))
        return found[0]

    async def closes(self, within: float = 10) -> int | None:
        """Waits until the other side hangs up; the code it gave."""
        async with asyncio.timeout(within):
            with suppress(websockets.ConnectionClosed):
                while True:
                    await self._connection.recv()
        return self._connection.close_code


async def registers(gateway: str, role: str = "student", first_name: str = "Jane") -> Person:
    """A new account, signed in."""
    email = f"{first_name.lower()}.{uuid4().hex[:12]}@example.com"
    client = client_of(gateway)
    body = {"email": email, "password": PASSWORD, "first_name": first_name, "last_name": "Doe", "role": role}
    answer = await client.post("/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return await signs_in(gateway, email, PASSWORD, client)


async def signs_in(gateway: str, email: str, password: str, client: httpx.AsyncClient | None = None) -> Person:
    client = client or client_of(gateway)
    answer = await client.post("/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    SECRETS.update((password, answer.json()["access_token"], answer.json()["refresh_token"]))
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    me = await client.get("/auth/me")
    assert me.status_code == 200, me.text
    return Person(client, me.json(), answer.json()["access_token"])


async def approved_tutor(gateway: str, admin: Person, first_name: str = "Terry") -> tuple[Person, int]:
    """A tutor whom students can book, and the profile's id."""
    tutor = await registers(gateway, "tutor", first_name)
    tutor_id = await tutor.fills_profile()
    await tutor.call("POST", "/api/tutors/me/submit")
    await admin.call("POST", f"/api/admin/tutors/{tutor_id}/approve")
    return tutor, tutor_id


def client_of(gateway: str) -> httpx.AsyncClient:
    _clients.append(plain_client(base_url=gateway, timeout=20))
    return _clients[-1]


async def close_clients() -> None:
    """Hang up for everybody who ever registered or signed in."""
    while _clients:
        await _clients.pop().aclose()
