"""Who is there for every situation, and how situations are brought about."""

import asyncio
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self

import psycopg

from deploy.local.databases import DatabaseUrls
from deploy.local.suite import Suite
from shared.types import format_instant
from tests.e2e.late import late
from tests.e2e.people import Person, approved_tutor, registers

Known = dict[str, Any]
DEGREE = {"degree": "Master of Education", "institution": "University of Example", "year": 2015}
MADE_ONCE = {
    "a full calendar",
    "a tutor who charges yen",
    "a tutor who stopped",
    "a used key",
    "somebody who forgot the password",
}
"""Situations that are dear to make, and the same after they were refused something."""


class Stage:
    """A student, a tutor and an administrator. Each situation is a method named like it, which brings it about through the API
    and tells what is known then."""

    def __init__(self, suite: Suite, student: Person, tutor: Person, admin: Person, known: Known) -> None:
        self.gateway = suite.gateway_url
        self.databases: Mapping[str, DatabaseUrls] = suite.deployment.databases
        self.sign_in_late = late(suite)
        self.student, self.tutor, self.admin = student, tutor, admin
        self.tutor_id: int = known["tutor_id"]
        self.known = known
        self._made: dict[str, Known] = {}
        self._hours = itertools.count(72, 2)
        self._hours_ago = itertools.count(3, 2)

    @classmethod
    async def begin(cls, suite: Suite, admin: Person) -> Self:
        student = await registers(suite.gateway_url, "student", "Jane")
        tutor, tutor_id = await approved_tutor(suite.gateway_url, admin, "John")
        await tutor.call("PUT", "/api/tutors/me/education", json={"education": [DEGREE]})
        subjects = await student.get("/api/subjects")
        today = datetime.now(UTC).date()
        known = {
            "gateway": suite.gateway_url.replace("127.0.0.1", "localhost"),
            "student": student,
            "tutor": tutor,
            "admin": admin,
            "tutor_id": tutor_id,
            "subject_id": subjects[0]["id"],
            "other_subject_id": subjects[1]["id"],
            "first_day": str(today + timedelta(days=2)),
            "last_day": str(today + timedelta(days=4)),
        }
        return cls(suite, student, tutor, admin, known)

    async def given(self, situations: tuple[str, ...]) -> Known:
        """Brings all of these about; what is known then, with a time at which the student and the tutor are free."""
        known = self.known | {"free_time": self.free_time(), "long_text": "long " * 120}
        for situation in situations:
            known |= self._made.get(situation) or await self._make(situation)
        return known

    async def somebody(self) -> Known:
        return {"someone": await registers(self.gateway, "student", "Robin")}

    async def a_new_tutor(self) -> Known:
        newcomer = await registers(self.gateway, "tutor", "Nadia")
        return {"newcomer": newcomer, "newcomer_id": (await newcomer.get("/api/tutors/me/profile"))["id"]}

    def free_time(self) -> str:
        """When the student and the tutor have no lesson yet."""
        start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=next(self._hours))
        return format_instant(start_at)

    def hours_ago(self) -> int:
        """So many hours ago neither of them had a lesson."""
        return next(self._hours_ago)

    async def write(self, service: str, statement: LiteralString, **values: object) -> None:
        """Into a database: what nobody can wait for."""

        def run() -> None:
            with psycopg.connect(self.databases[service].runtime) as connection:
                connection.execute(statement, values)

        await asyncio.to_thread(run)

    async def _make(self, situation: str) -> Known:
        made: Known = await getattr(self, situation.replace("-", "_").replace(" ", "_"))()
        if situation in MADE_ONCE:
            self._made[situation] = made
        return made
