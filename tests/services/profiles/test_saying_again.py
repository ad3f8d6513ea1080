"""Many tutors are said again while others save their profiles: nobody is in another's way, and nothing is missed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from services.profiles.actions import subjects, tutors
from services.profiles.jobs import refresh_stale, resync
from shared.auth import Principal
from shared.tokens import Role
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import Person, admin, approved, found, subject
from tests.waiting import eventually

ADMIN = Principal(1, Role.ADMIN)
WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)


async def is_refreshed(service: Harness, runtime: Runtime, people: list[Person]) -> None:
    await refresh_stale(runtime)


async def is_resynced(service: Harness, runtime: Runtime, people: list[Person]) -> None:
    await resync(runtime)


async def is_repaired(service: Harness, runtime: Runtime, people: list[Person]) -> None:
    ids = [person.tutor_id for person in people]
    answer = await service.internal().post("/internal/integrity/owned/tutor/resend", json={"ids": ids})
    assert answer.status_code == 204, answer.text


async def all_wait(service: Harness, *tasks: asyncio.Future[None]) -> None:
    """Until each of them waits for a lock, or is done without."""

    async def look() -> bool:
        async with service.database.reading() as tx:
            waiting: int = await tx.value(WAITING_FOR_LOCKS)
        return waiting + sum(task.done() for task in tasks) >= len(tasks)

    await eventually(look)


async def rename(service: Harness, subject_id: int, name: str) -> None:
    await admin(service).call("PUT", f"/api/subjects/{subject_id}", json={"name": name})


@pytest.mark.parametrize("again", [is_refreshed, is_resynced, is_repaired])
async def test_whoever_saves_a_profile_meanwhile_is_not_in_the_way(
    service: Harness, runtime: Runtime, again: Callable[[Harness, Runtime, list[Person]], Awaitable[None]]
) -> None:
    """All of them have a word to be learnt: whoever holds one tutor's must not wait for another tutor."""
    made = await subject(service, "Handicraft")
    people = [await approved(service, [made]) for _ in range(2)]
    await rename(service, made, "Woodwork")

    async with service.database.transaction() as tx:
        await tutors.get_for_update(tx, people[1].tutor_id)
        saying = asyncio.ensure_future(again(service, runtime, people))
        await all_wait(service, saying)
        await tutors.edit(tx, people[1].tutor_id, datetime.now(UTC), headline="Saved")
    await saying

    assert await found(service.client(), search="woodwork") == [person.tutor_id for person in people]
    assert await found(service.client(), search="saved") == [people[1].tutor_id]


async def test_whoever_chooses_a_subject_that_is_being_renamed_is_not_in_the_way(service: Harness, runtime: Runtime) -> None:
    """Who renames waits for the marks that the job takes: so the job must not wait for a tutor who may wait for that subject."""
    first, second = await subject(service, "Handicraft"), await subject(service, "Cookery")
    taught, other = await approved(service, [first]), await approved(service, [second])
    await rename(service, first, "Woodwork")
    await rename(service, second, "Cooking")

    async with service.database.transaction() as tx:
        await tutors.get_for_update(tx, other.tutor_id)
        refreshing = asyncio.create_task(refresh_stale(runtime))
        await all_wait(service, refreshing)
        renaming = asyncio.create_task(rename(service, first, "Carpentry"))
        await all_wait(service, refreshing, renaming)
        await tutors.choose_subjects(tx, other.tutor_id, [first], datetime.now(UTC))
    await asyncio.gather(refreshing, renaming)
    await refresh_stale(runtime)

    assert await found(service.client(), search="carpentry") == [taught.tutor_id, other.tutor_id]


async def test_a_subject_renamed_again_meanwhile_is_not_forgotten(service: Harness, runtime: Runtime) -> None:
    made = await subject(service, "Handicraft")
    tutor = await approved(service, [made])
    await rename(service, made, "Woodwork")

    async with service.database.transaction() as tx:
        await subjects.update(tx, ADMIN, made, {"name": "Carpentry"})
        refreshing = asyncio.create_task(refresh_stale(runtime))
        await all_wait(service, refreshing)
    await refreshing
    await refresh_stale(runtime)

    assert await found(service.client(), search="carpentry") == [tutor.tutor_id]


async def test_two_workers_say_every_tutor_once(service: Harness, runtime: Runtime) -> None:
    made = await subject(service, "Handicraft")
    people = [await approved(service, [made]) for _ in range(8)]
    await rename(service, made, "Woodwork")
    before = len(await service.outbox("profiles.tutor.changed.v1"))

    await asyncio.gather(*(refresh_stale(runtime) for _ in range(4)))

    said = (await service.outbox("profiles.tutor.changed.v1"))[before:]
    assert sorted(event["data"]["tutor_id"] for event in said) == [person.tutor_id for person in people]
