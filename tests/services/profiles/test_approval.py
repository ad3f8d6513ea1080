"""The way of a profile to its approval."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.profiles.people import Person, account, admin, approved, found, registers, tutor

SUBMIT = "/api/tutors/me/submit"


async def test_submit_names_everything_that_is_missing(service: Harness) -> None:
    person = await registers(service, "tutor")

    answer = await person.call("POST", SUBMIT, 400)

    assert answer["code"] == "profile_incomplete"
    assert [e["field"] for e in answer["errors"]] == ["title", "bio", "subjects", "hourly_rate", "availability"]
    await person.call("PATCH", "/api/tutors/me/about", json={"title": "T", "bio": "B"})
    assert [e["field"] for e in (await person.call("POST", SUBMIT, 400))["errors"]] == ["subjects", "hourly_rate", "availability"]


async def test_a_complete_profile_waits_for_its_approval(service: Harness) -> None:
    person = await tutor(service)

    assert await person.call("POST", SUBMIT) == {"message": "Profile submitted for review", "status": "pending_approval"}

    waiting = await admin(service).get("/api/admin/tutors/pending")
    assert [(p["id"], p["profile_status"]) for p in waiting] == [(person.tutor_id, "pending_approval")]
    assert len(await service.outbox("profiles.tutor.submitted.v1")) == 1


async def test_submitting_again_while_it_waits_changes_nothing(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)

    await person.call("POST", SUBMIT)

    assert len(await service.outbox("profiles.tutor.submitted.v1")) == 1


async def test_an_approved_tutor_is_public_and_others_are_told(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)

    decision = await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve")

    assert decision == {"message": "Tutor approved successfully", "tutor_id": person.tutor_id, "status": "approved"}
    assert (await service.client().get(f"/api/tutors/{person.tutor_id}/public")).json()["is_approved"] is True
    assert [p["id"] for p in await admin(service).get("/api/admin/tutors/approved")] == [person.tutor_id]
    assert (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]["status"] == "approved"
    assert (await service.outbox("profiles.tutor.approved.v1"))[0]["data"]["by"] == 1
    audited = (await service.outbox("profiles.audit.recorded.v1"))[-1]["data"]
    assert (audited["action"], audited["target_id"], audited["actor_id"]) == ("tutor_approved", person.tutor_id, 1)
    assert audited["details"] == {"before": "pending_approval", "after": "approved"}


async def test_a_rejected_tutor_sees_why_and_may_come_back(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)
    path = f"/api/admin/tutors/{person.tutor_id}"

    await admin(service).call("POST", f"{path}/reject", json={"rejection_reason": "Say more."})

    profile = await person.profile()
    assert (profile["profile_status"], profile["rejection_reason"]) == ("rejected", "Say more.")
    assert (await service.outbox("profiles.tutor.rejected.v1"))[0]["data"]["reason"] == "Say more."
    await person.call("POST", SUBMIT)
    await admin(service).call("POST", f"{path}/approve")
    assert (await person.profile())["rejection_reason"] is None


async def test_a_rejection_needs_a_reason(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)

    for body in ({}, {"rejection_reason": "  "}, {"rejection_reason": "x" * 501}):
        await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/reject", 422, json=body)


async def test_what_was_not_submitted_cannot_be_approved(service: Harness) -> None:
    person = await tutor(service)

    answer = await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve", 400)

    assert answer["code"] == "wrong_status"


async def test_what_became_incomplete_while_it_waited_cannot_be_approved(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)
    await person.call("PATCH", "/api/tutors/me/about", json={"bio": None})

    answer = await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve", 400)

    assert [e["field"] for e in answer["errors"]] == ["bio"]


@pytest.mark.parametrize("fields", [{"is_active": False}, {"role": "student"}])
async def test_who_may_not_teach_is_neither_listed_nor_decided_on(service: Harness, fields: dict[str, Any]) -> None:
    waiting, shown = await tutor(service), await approved(service)
    await waiting.call("POST", SUBMIT)

    for person in (waiting, shown):
        await person.changes(**fields)

    assert await admin(service).get("/api/admin/tutors/pending") == []
    assert await admin(service).get("/api/admin/tutors/approved") == []
    await admin(service).call("POST", f"/api/admin/tutors/{waiting.tutor_id}/approve", 404)
    await admin(service).call("POST", f"/api/admin/tutors/{shown.tutor_id}/reject", 404, json={"rejection_reason": "No."})


async def test_auth_is_asked_before_it_counts_that_somebody_may_not_teach(service: Harness, auth: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)
    await knows(auth, person.user_id)
    await person.changes(is_active=False)

    await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve", 404)
    async with auth.database.transaction() as tx:
        await tx.run("UPDATE accounts SET version = 9, is_active = true WHERE id = %(id)s", id=person.user_id)

    assert (await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve"))["status"] == "approved"


async def test_where_auth_cannot_be_asked_what_is_known_counts(alone: Harness) -> None:
    person = await tutor(alone)
    await person.call("POST", SUBMIT)
    await person.changes(is_active=False)

    await admin(alone).call("POST", f"/api/admin/tutors/{person.tutor_id}/approve", 404)


async def test_an_approval_can_be_taken_back(service: Harness) -> None:
    person = await approved(service)

    await admin(service).call("POST", f"/api/admin/tutors/{person.tutor_id}/reject", json={"rejection_reason": "Complaints."})

    await person.get(f"/api/tutors/{person.tutor_id}/public", 404)
    assert await found(service.client()) == []


async def test_editing_an_approved_profile_keeps_it_approved(service: Harness) -> None:
    person = await approved(service)

    await person.call("PATCH", "/api/tutors/me/about", json={"title": "Better"})

    assert (await person.profile())["profile_status"] == "approved"
    await person.call("POST", SUBMIT, 400)


async def test_of_two_racing_approvals_one_happens(service: Harness) -> None:
    person = await tutor(service)
    await person.call("POST", SUBMIT)
    path = f"/api/admin/tutors/{person.tutor_id}/approve"

    answers = await asyncio.gather(*(admin(service).client.post(path) for _ in range(5)))

    assert Counter(a.status_code for a in answers) == {200: 1, 400: 4}
    assert len(await service.outbox("profiles.tutor.approved.v1")) == 1


async def test_an_unknown_tutor_cannot_be_decided_on(service: Harness) -> None:
    await admin(service).call("POST", "/api/admin/tutors/99999/approve", 404)
    await admin(service).call("POST", "/api/admin/tutors/99999/reject", 404, json={"rejection_reason": "No."})


async def test_a_neighbour_is_told_the_state_at_once(service: Harness) -> None:
    person = await approved(service)

    snapshot = (await service.internal().get(f"/internal/tutors/{person.tutor_id}")).json()

    told = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]
    assert snapshot == told
    assert (await service.internal().get(f"/internal/tutors/of-user/{person.user_id}")).json() == told
    assert (await service.internal().get("/internal/tutors/99999")).status_code == 404
    assert (await service.internal().get("/internal/tutors/of-user/99999")).status_code == 404
    assert (await person.client.get(f"/internal/tutors/{person.tutor_id}")).status_code == 404


async def test_the_owner_and_administrators_see_a_profile_that_is_not_public(service: Harness) -> None:
    person = await tutor(service)
    stranger = await registers(service, "student")
    path = f"/api/tutors/{person.tutor_id}"

    assert (await person.get(path))["profile_status"] == "incomplete"
    assert (await admin(service).get(path))["profile_status"] == "incomplete"
    await stranger.get(path, 404)
    await (await registers(service, "tutor")).get(path, 404)
    await person.get(f"{path}/public", 404)


async def test_strangers_do_not_see_private_fields(service: Harness) -> None:
    person = await approved(service)
    stranger = Person(service, account(5, "student")["user_id"], "student")

    seen = await stranger.get(f"/api/tutors/{person.tutor_id}")

    assert (seen["profile_status"], seen["submitted_at"]) == (None, None)
    assert [w["day_of_week"] for w in seen["availability"]] == ["monday"]


async def knows(auth: Harness, user_id: int) -> None:
    """Auth has this account, which is not active."""
    async with auth.database.transaction() as tx:
        await tx.run(
            """INSERT INTO accounts (id, email, role, first_name, last_name, currency, timezone, password_hash, is_active)
            OVERRIDING SYSTEM VALUE
            VALUES (%(id)s, 'terry@example.com', 'tutor', 'Terry', 'Number', 'USD', 'UTC', 'none', false)""",
            id=user_id,
        )
