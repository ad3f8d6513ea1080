"""Subjects: everybody reads them, administrators keep them."""

import asyncio
from collections import Counter

import pytest

from services.profiles.jobs import refresh_stale, seed_subjects
from services.profiles.seeds import SUBJECTS
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import admin, approved, found, registers, subject


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)


async def test_subjects_are_listed_by_name(service: Harness) -> None:
    for name in ("Physics", "algebra", "Biology"):
        await subject(service, name)

    listed = (await service.client().get("/api/subjects")).json()

    assert [s["name"] for s in listed] == ["algebra", "Biology", "Physics"]
    assert set(listed[0]) == {"id", "name", "category", "description"}


async def test_names_are_unique_whatever_their_case(service: Harness) -> None:
    await subject(service, "Physics")
    other = await subject(service, "Biology")

    assert (await admin(service).call("POST", "/api/subjects", 409, json={"name": "PHYSICS"}))["code"] == "subject_exists"
    await admin(service).call("PUT", f"/api/subjects/{other}", 409, json={"name": "physics"})


async def test_of_racing_creations_one_succeeds(service: Harness) -> None:
    answers = await asyncio.gather(*(admin(service).client.post("/api/subjects", json={"name": "New"}) for _ in range(8)))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 7}


async def test_an_update_changes_what_is_sent(service: Harness) -> None:
    made = await subject(service, "Physics", description="All of it" * 500)

    changed = await admin(service).call("PUT", f"/api/subjects/{made}", json={"category": None})

    assert changed == {"id": made, "name": "Physics", "category": None, "description": "All of it" * 500}
    told = [e["data"] for e in await service.outbox("profiles.subject.changed.v1")]
    assert [(e["version"], e["deleted"]) for e in told] == [(1, False), (2, False)]


@pytest.mark.parametrize("body", [{"name": None}, {"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}])
async def test_impossible_names_are_refused(service: Harness, body: dict[str, str]) -> None:
    made = await subject(service)

    await admin(service).call("PUT", f"/api/subjects/{made}", 422, json=body)


async def test_a_subject_that_nobody_teaches_can_be_deleted(service: Harness) -> None:
    made = await subject(service)

    await admin(service).call("DELETE", f"/api/subjects/{made}", 204)

    assert (await service.client().get("/api/subjects")).json() == []
    await admin(service).call("DELETE", f"/api/subjects/{made}", 404)
    await admin(service).call("PUT", f"/api/subjects/{made}", 404, json={"name": "Again"})
    gone = (await service.outbox("profiles.subject.changed.v1"))[-1]["data"]
    assert (gone["deleted"], gone["version"]) == (True, 2)


async def test_a_subject_in_use_cannot_be_deleted(service: Harness) -> None:
    made = await subject(service)
    tutor = await registers(service, "tutor")
    await tutor.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [made]})

    assert (await admin(service).call("DELETE", f"/api/subjects/{made}", 409))["code"] == "subject_in_use"


async def test_a_subject_deleted_while_it_is_chosen_is_either_kept_or_refused(service: Harness) -> None:
    for turn in range(6):
        made = await subject(service, f"Subject {turn}")
        tutor = await registers(service, "tutor")

        chosen, deleted = await asyncio.gather(
            tutor.client.put("/api/tutors/me/subjects", json={"subject_ids": [made]}),
            admin(service).client.delete(f"/api/subjects/{made}"),
        )

        outcome = (chosen.status_code, deleted.status_code)
        assert outcome in {(200, 409), (422, 204)}
        assert len((await tutor.profile())["subjects"]) == (outcome == (200, 409))


async def test_a_renamed_subject_is_told_and_found_under_its_new_name(service: Harness, runtime: Runtime) -> None:
    made = await subject(service, "Handicraft")
    tutor = await approved(service, [made])
    await admin(service).call("PUT", f"/api/subjects/{made}", json={"name": "Woodwork"})

    await refresh_stale(runtime)

    assert await found(service.client(), search="woodwork") == [tutor.tutor_id]
    assert await found(service.client(), search="handicraft") == []
    told = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]
    assert told["subjects"] == [{"id": made, "name": "Woodwork"}]


async def test_a_new_installation_has_subjects_and_keeps_what_became_of_them(service: Harness, runtime: Runtime) -> None:
    await seed_subjects(runtime)
    listed = (await service.client().get("/api/subjects")).json()
    assert len(listed) == sum(len(names) for names in SUBJECTS.values()) >= 40
    await admin(service).call("DELETE", f"/api/subjects/{listed[0]['id']}", 204)

    await seed_subjects(runtime)

    assert len((await service.client().get("/api/subjects")).json()) == len(listed) - 1
