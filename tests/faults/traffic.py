"""Several people who use EduStream at the same time, never give up on what they began, and remember what they were promised."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.people import PASSWORD, Person

PATIENCE = 40.0  # seconds after which even they give up, which fails the test
PAUSE = 0.05  # seconds between attempts, and about half of that between two things a person does
KINDS = 13  # of things they do
SLOW = 2.0  # seconds: an answer that took longer was held up by a fault


@dataclass(frozen=True)
class Attempt:
    """One request. Times are of `time.monotonic`."""

    kind: str
    began: float
    ended: float
    status: int  # 0: no answer

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= 500

    @property
    def suffered(self) -> bool:
        return self.failed or self.ended - self.began > SLOW


@dataclass
class Promises:
    """What was answered with success."""

    bookings: list[int] = field(default_factory=list)
    moves: list[tuple[int, str]] = field(default_factory=list)  # booking, status after
    messages: list[int] = field(default_factory=list)
    purchases: list[int] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)
    phones: dict[int, str] = field(default_factory=dict)  # account: the last one that was saved


@dataclass(frozen=True)
class Teacher:
    person: Person
    tutor_id: int
    package_id: int


class Traffic:
    """Runs until `stop`. `attempts` is everything that was tried, `surprises` what should not have been answered."""

    def __init__(
        self, students: list[Person], teachers: list[Teacher], administrator: Person, promises: Promises, seed: int
    ) -> None:
        self._students, self._teachers, self._administrator = students, teachers, administrator
        self._random = random.Random(seed)
        self._day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
        self._hour = 0
        self._stopping = False
        self._fine: dict[str, float] = {}  # when the newest good attempt of each kind began
        self.attempts: list[Attempt] = []
        self.surprises: list[str] = []
        self.promises = promises

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for student in self._students:
                acts = (self.books, self.books_by_credit, self.writes, self.looks, self.cancels, self.signs_in, self.edits)
                tasks.create_task(self._live(student, (*acts, self.buys)))
            for teacher in self._teachers:
                tasks.create_task(self._live(teacher.person, (self.answers, self.answers, self.writes, self.looks)))
            tasks.create_task(self._live(self._administrator, (self.watches, self.registers)))

    def stop(self) -> None:
        self._stopping = True

    def fine_since(self, moment: float) -> bool:
        """Whether everything that people do has worked for a request that began after `moment`."""
        return len(self._fine) == KINDS and min(self._fine.values()) > moment

    def counts(self) -> Counter[str]:
        return Counter(a.kind for a in self.attempts if not a.failed)

    async def _live(self, person: Person, acts: tuple[Callable[[Person], Awaitable[None]], ...]) -> None:
        while not self._stopping:
            await self._random.choice(acts)(person)
            await asyncio.sleep(self._random.uniform(0, PAUSE))

    # What they do

    async def books(self, student: Person, **more: Any) -> None:
        teacher = self._random.choice(self._teachers)
        if self._random.random() < 0.7:  # else the hour that somebody else has just asked for
            self._hour += 1
        start = self._day + timedelta(hours=self._hour // 12 * 24 + self._hour % 12)
        body = {"tutor_profile_id": teacher.tutor_id, "start_at": start.isoformat(), "duration_minutes": 60, **more}
        answer = await self._insist("book", student, "POST", "/api/bookings", {201, 400, 402}, json=body)
        if answer.status_code == 201:
            self.promises.bookings.append(answer.json()["id"])
        elif answer.json()["code"] not in ("slot_taken", "insufficient_package_credits"):
            self._wonder("book", answer)

    async def books_by_credit(self, student: Person) -> None:
        await self.books(student, use_package_id=self._random.choice(self._teachers).package_id)

    async def buys(self, student: Person) -> None:
        path = f"/api/packages/{self._random.choice(self._teachers).package_id}/purchase"
        answer = await self._insist("buy", student, "POST", path, {201})
        if answer.status_code == 201:
            self.promises.purchases.append(answer.json()["id"])

    async def writes(self, person: Person) -> None:
        others = [t.person for t in self._teachers] if person in self._students else self._students
        body = {"recipient_id": self._random.choice(others).id, "message": f"hello {self._random.random()}"}
        answer = await self._insist("message", person, "POST", "/api/messages", {201}, json=body)
        if answer.status_code == 201:
            self.promises.messages.append(answer.json()["id"])

    async def looks(self, person: Person) -> None:
        paths = {"me": "/auth/me", "tutors": "/api/tutors?search=math", "bookings": "/api/bookings",
                 "threads": "/api/messages/threads", "notifications": "/api/notifications"}  # fmt: skip
        kind = self._random.choice(list(paths))
        await self._insist(kind, person, "GET", paths[kind], {200})

    async def cancels(self, student: Person) -> None:
        await self._move(student, "upcoming", "cancel", "CANCELLED", part=0.3, json={"reason": "plans changed"})

    async def answers(self, tutor: Person) -> None:
        word, status = self._random.choice((("confirm", "CONFIRMED"), ("confirm", "CONFIRMED"), ("decline", "DECLINED")))
        await self._move(tutor, "pending", word, status)

    async def edits(self, student: Person) -> None:
        phone = f"+1202555{self._random.randrange(10_000):04}"
        answer = await self._insist("edit", student, "PUT", "/auth/me", {200}, json={"phone": phone})
        if answer.status_code == 200:
            self.promises.phones[student.id] = phone

    async def signs_in(self, person: Person) -> None:
        body = {"email": person.email, "password": PASSWORD}
        answer = await self._insist("login", person, "POST", "/auth/login", {200}, json=body)
        if answer.status_code == 200:  # a hundred of these would end the session that this person goes on with
            with suppress(httpx.TransportError):
                new = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                await person.client.post("/auth/logout", headers=new)

    async def registers(self, _administrator: Person) -> None:
        """Somebody new. Asking again may find that the first time had worked."""
        email = f"new.{uuid4().hex[:12]}@example.com"
        body = {"email": email, "password": PASSWORD, "first_name": "New", "last_name": "Comer", "role": "student"}
        answer = await self._insist("register", _administrator, "POST", "/auth/register", {201, 409}, json=body)
        if answer.status_code in (201, 409):
            self.promises.registered.append(email)

    async def watches(self, administrator: Person) -> None:
        await self._insist("stats", administrator, "GET", "/api/admin/dashboard/stats", {200})

    async def _move(self, person: Person, filter_: str, word: str, status: str, part: float = 1.0, **values: Any) -> None:
        query = {"status": filter_, "role": "tutor" if filter_ == "pending" else "student", "page_size": 100}
        listed = await self._insist("bookings", person, "GET", "/api/bookings", {200}, params=query)
        found = listed.json()["bookings"] if listed.status_code == 200 else []
        if not found or self._random.random() > part:
            return
        booking = self._random.choice(found)["id"]
        path = f"/api/tutor/bookings/{booking}/{word}" if filter_ == "pending" else f"/api/bookings/{booking}/{word}"
        answer = await self._insist("move", person, "POST", path, {200, 400}, **values)
        if answer.status_code == 200:
            self.promises.moves.append((booking, status))

    # How they insist

    async def _insist(
        self, kind: str, person: Person, method: str, path: str, allowed: set[int], **values: Any
    ) -> httpx.Response:
        """The same request, with the same key, until it is answered by something other than a failure."""
        headers = {"Idempotency-Key": uuid4().hex} if method == "POST" else {}
        limit = time.monotonic() + PATIENCE
        while True:
            began = time.monotonic()
            try:
                answer = await person.client.request(method, path, headers=headers, **values)
            except httpx.TransportError:
                answer = httpx.Response(0)
            attempt = Attempt(kind, began, time.monotonic(), answer.status_code)
            self.attempts.append(attempt)
            if not attempt.suffered:
                self._fine[kind] = max(began, self._fine.get(kind, 0.0))
            if not attempt.failed or time.monotonic() > limit:
                break
            await asyncio.sleep(PAUSE)
        if answer.status_code not in allowed:
            self._wonder(kind, answer)
        return answer

    def _wonder(self, kind: str, answer: httpx.Response) -> None:
        self.surprises.append(f"{kind}: {answer.status_code} {answer.text[:200] if answer.status_code else ''}")
