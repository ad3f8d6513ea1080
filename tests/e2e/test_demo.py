"""What a newcomer finds after the first start."""

import asyncio
import sys

import pytest

from deploy.local import development
from deploy.local.demo import STUDENTS, TUTORS
from deploy.local.processes import GATEWAY, environment
from deploy.local.runner import DEMO
from deploy.local.settings import ROOT
from deploy.local.suite import Suite
from services.bookings.rules.states import Status
from tests.e2e.people import Person, signs_in

PASSWORD = "student12345"


@pytest.fixture(scope="module")
async def students(suite: Suite) -> list[Person]:
    """Those of the demo data, which is made as the launcher makes it."""
    await _run(DEMO, env=environment(suite.deployment, GATEWAY) | development.ADMIN)
    await _run("services.bookings", "demo", env=environment(suite.deployment, "bookings"))
    emails = ["student@example.com", *(f"{first}.{last}@example.com".lower() for first, last in STUDENTS[1:])]
    return [await signs_in(suite.gateway_url, email, PASSWORD) for email in emails]


async def test_there_are_lessons_in_every_state(students: list[Person]) -> None:
    pages = [await student.get("/api/bookings", page_size=100) for student in students]

    assert {lesson["status"] for page in pages for lesson in page["bookings"]} == set(Status)
    assert pages[0]["bookings"], "the account that the README names has none"


async def test_there_are_tutors_of_many_subjects_and_talk(students: list[Person]) -> None:
    for title in [tutor[3] for tutor in TUTORS]:
        assert (await students[0].get("/api/tutors", search=title))["total"] >= 1, title
    assert await students[0].get("/api/messages/threads")


async def _run(*words: str, env: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *words, cwd=ROOT, env=env)
    assert await process.wait() == 0
