"""Profiles come with accounts."""

from typing import Any

from services.auth import queries
from services.auth.queries import Account
from tests.harness import Harness
from tests.services.profiles.people import Person, registers


async def account_in_auth(auth: Harness, role: str) -> int:
    """An account whose event has not arrived."""
    fields: dict[str, Any] = {"first_name": "Late", "last_name": "Event", "timezone": "Europe/Kyiv", "currency": "UAH"}
    fields |= {"email": f"{role}@example.com", "role": role, "password_hash": "none", "is_verified": True}
    async with auth.database.transaction() as tx:
        return (await tx.one(Account, queries.INSERT, **fields)).id


async def test_a_tutor_has_an_empty_profile_from_registration_on(service: Harness) -> None:
    tutor = await registers(service, "tutor", currency="EUR", timezone="Europe/Paris")

    profile = await tutor.profile()

    assert profile["user_id"] == tutor.user_id
    assert (profile["profile_status"], profile["currency"], profile["timezone"]) == ("incomplete", "EUR", "Europe/Paris")
    assert (profile["title"], profile["hourly_rate"], profile["subjects"], profile["availability"]) == (None, None, [], [])


async def test_others_are_told_of_a_new_tutor(service: Harness) -> None:
    tutor = await registers(service, "tutor")

    told = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]

    assert (told["user_id"], told["status"], told["is_active"]) == (tutor.user_id, "incomplete", True)


async def test_a_student_has_a_profile_from_registration_on(service: Harness) -> None:
    student = await registers(service, "student", timezone="America/New_York")

    profile = await student.get("/api/profile/student/me")

    assert (profile["user_id"], profile["timezone"], profile["total_sessions"]) == (student.user_id, "America/New_York", 0)


async def test_a_tutor_whose_event_is_late_has_a_profile_all_the_same(service: Harness, auth: Harness) -> None:
    user_id = await account_in_auth(auth, "tutor")

    profile = await Person(service, user_id, "tutor").profile()

    assert (profile["name"], profile["currency"], profile["timezone"]) == ("Late Event", "UAH", "Europe/Kyiv")


async def test_a_student_whose_event_is_late_has_a_profile_all_the_same(service: Harness, auth: Harness) -> None:
    user_id = await account_in_auth(auth, "student")

    assert (await Person(service, user_id, "student").get("/api/profile/student/me"))["timezone"] == "Europe/Kyiv"


async def test_the_late_event_changes_nothing_then(service: Harness, auth: Harness) -> None:
    user_id = await account_in_auth(auth, "tutor")
    person = Person(service, user_id, "tutor")
    before = await person.profile()

    person.version = 0
    await person.changes(first_name="Older")

    assert await person.profile() == before


async def test_somebody_whom_auth_does_not_know_has_no_profile(service: Harness, auth: Harness) -> None:
    await Person(service, 987_654, "tutor").get("/api/tutors/me/profile", 404)


async def test_a_missing_profile_is_not_denied_while_auth_cannot_be_reached(alone: Harness) -> None:
    answer = await Person(alone, 987_654, "tutor").client.get("/api/tutors/me/profile")

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_a_student_who_becomes_a_tutor_gets_a_profile(service: Harness) -> None:
    person = await registers(service, "student")

    await person.changes(role="tutor")

    assert (await Person(service, person.user_id, "tutor").profile())["profile_status"] == "incomplete"
