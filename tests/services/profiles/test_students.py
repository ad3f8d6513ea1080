"""Students: their profiles and favorite tutors."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from services.auth.actions.accounts import register
from tests.harness import Harness
from tests.services.profiles.people import Person, approved, registers, tutor

ME = "/api/profile/student/me"
FAVORITES = "/api/students/favorites"


async def test_what_is_not_sent_stays_and_null_clears(service: Harness) -> None:
    student = await registers(service)
    await student.call("PATCH", ME, json={"bio": "Busy.", "learning_goals": "Algebra", "preferred_language": "Spanish"})

    changed = await student.call("PATCH", ME, json={"bio": None, "phone": "+1 202-555-0123", "education_level": "ignored"})

    assert (changed["bio"], changed["learning_goals"], changed["preferred_language"]) == (None, "Algebra", "es")
    assert changed["phone"] == "+12025550123"
    assert "education_level" not in changed
    assert await student.get(ME) == changed


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "12345"},
        {"phone": "+1"},
        {"bio": "x" * 5001},
        {"preferred_language": "xx"},
        {"timezone": "Nowhere"},
        {"timezone": None},
        {"grade_level": "a\tb"},
    ],
)
async def test_impossible_values_are_refused(service: Harness, body: dict[str, Any]) -> None:
    student = await registers(service)

    await student.call("PATCH", ME, 422, json=body)


async def test_the_time_zone_changes_the_account(service: Harness, auth: Harness) -> None:
    async with auth.database.transaction() as tx:
        fields: dict[str, Any] = {"first_name": "A", "last_name": "B", "timezone": "UTC", "currency": "USD", "role": "student"}
        made = await register(tx, "http://localhost/api/avatars", email="a@example.com", password_hash="none", **fields)
    student = Person(service, made.id, "student")

    changed = await student.call("PATCH", ME, json={"timezone": "America/Los_Angeles", "grade_level": "Undergraduate"})

    assert (changed["timezone"], changed["grade_level"]) == ("America/Los_Angeles", "Undergraduate")
    assert (await auth.person(made.id, "student").get("/auth/me")).json()["timezone"] == "America/Los_Angeles"
    assert (await auth.outbox("auth.user.changed.v1"))[-1]["data"]["timezone"] == "America/Los_Angeles"


async def test_the_time_zone_stays_while_auth_cannot_be_reached(alone: Harness) -> None:
    student = await registers(alone)

    await student.call("PATCH", ME, 503, json={"timezone": "America/Lima", "bio": "Not kept either"})

    assert (await student.get(ME))["bio"] is None
    await student.call("PATCH", ME, json={"bio": "Kept"})


async def test_favorites_are_listed_latest_first(service: Harness) -> None:
    student = await registers(service)
    first, second = await approved(service), await approved(service)
    added = await student.call("POST", f"{FAVORITES}/{first.tutor_id}", 201)
    await student.call("POST", f"{FAVORITES}/{second.tutor_id}", 201)

    listed = await student.get(FAVORITES)

    assert added == {"message": "Tutor added to favorites"}
    assert [t["id"] for t in listed] == [second.tutor_id, first.tutor_id]
    assert {t["is_favorite"] for t in listed} == {True}
    assert (await student.get(f"/api/tutors/{first.tutor_id}/public"))["is_favorite"] is True
    assert (await service.client().get(f"/api/tutors/{first.tutor_id}/public")).json()["is_favorite"] is None


async def test_a_favorite_is_added_and_removed_once(service: Harness) -> None:
    student, chosen = await registers(service), await approved(service)
    path = f"{FAVORITES}/{chosen.tutor_id}"
    await student.call("POST", path, 201)

    assert (await student.call("POST", path, 409))["code"] == "already_favorite"
    await student.call("DELETE", path, 204)
    await student.call("DELETE", path, 404)
    assert await student.get(FAVORITES) == []


async def test_of_racing_additions_one_succeeds(service: Harness) -> None:
    student, chosen = await registers(service), await approved(service)

    answers = await asyncio.gather(*(student.client.post(f"{FAVORITES}/{chosen.tutor_id}") for _ in range(8)))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 7}


async def test_only_tutors_who_can_be_found_can_be_favorites(service: Harness) -> None:
    student, incomplete = await registers(service), await tutor(service)

    await student.call("POST", f"{FAVORITES}/{incomplete.tutor_id}", 404)
    await student.call("POST", f"{FAVORITES}/99999", 404)


async def test_a_favorite_who_goes_away_is_not_shown_until_coming_back(service: Harness) -> None:
    student, chosen = await registers(service), await approved(service)
    await student.call("POST", f"{FAVORITES}/{chosen.tutor_id}", 201)

    await chosen.changes(is_active=False)
    assert await student.get(FAVORITES) == []
    await chosen.changes(is_active=True)
    assert len(await student.get(FAVORITES)) == 1


async def test_favorites_of_others_are_not_mine(service: Harness) -> None:
    mine, other, chosen = await registers(service), await registers(service), await approved(service)
    await other.call("POST", f"{FAVORITES}/{chosen.tutor_id}", 201)

    assert await mine.get(FAVORITES) == []
    await mine.call("DELETE", f"{FAVORITES}/{chosen.tutor_id}", 404)
