"""A page of search is answered again as it was, and never once anything that it shows has changed."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.profiles.actions import kept
from services.profiles.actions import search as actions
from services.profiles.jobs import fold_counts, refresh_stale
from services.profiles.queries import search
from shared.events.bookings import RatingChanged
from shared.events.notifications import PresenceChanged
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import Person, admin, approved, found, registers, subject

Change = Callable[[Harness, Person], Awaitable[Any]]


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)


def answered() -> dict[str, float]:
    """How many pages were kept and found since the process began."""
    name = "edustream_search_pages_total"
    return {source: REGISTRY.get_sample_value(name, {"source": source}) or 0 for source in ("kept", "found")}


async def sources(service: Harness, times: int, **query: Any) -> list[str]:
    """Where the page came from, each time it was asked for."""
    taken = []
    for _ in range(times):
        before = answered()
        await found(service.client(), **query)
        taken.append(next(source for source, number in answered().items() if number > before[source]))
    return taken


async def is_named(service: Harness, tutor: Person) -> None:
    await tutor.changes(first_name="Someone", last_name="Else")


async def is_pictured(service: Harness, tutor: Person) -> None:
    await tutor.changes(avatar_url="http://localhost:8000/api/avatars/other.webp")


async def is_deactivated(service: Harness, tutor: Person) -> None:
    await tutor.changes(is_active=False)


async def is_dearer(service: Harness, tutor: Person) -> None:
    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 99})


async def says_more(service: Harness, tutor: Person) -> None:
    await tutor.call("PATCH", "/api/tutors/me/about", json={"bio": "And harder things, too."})


async def is_rated(service: Harness, tutor: Person) -> None:
    await service.deliver(RatingChanged(tutor_id=tutor.tutor_id, version=1, average_rating=Decimal("4.5"), total_reviews=2))


async def comes_online(service: Harness, tutor: Person) -> None:
    await service.deliver(PresenceChanged(user_id=tutor.user_id, version=1, is_online=True))


async def teaches_else(service: Harness, tutor: Person) -> None:
    await tutor.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [await subject(service, "Astronomy")]})


async def subject_is_renamed(service: Harness, tutor: Person) -> None:
    ids = [entry["id"] for entry in (await tutor.profile())["subjects"]]
    await admin(service).call("PUT", f"/api/subjects/{ids[0]}", json={"name": "Renamed"})


async def another_is_approved(service: Harness, tutor: Person) -> None:
    await approved(service)


async def test_a_page_is_found_once(service: Harness) -> None:
    await approved(service)

    assert await sources(service, 3) == ["found", "kept", "kept"]
    assert await sources(service, 2, page_size=1) == ["found", "kept"]
    assert await sources(service, 2, search="hard", sort="rate") == ["found", "kept"]


@pytest.mark.parametrize(
    "change",
    [
        is_named,
        is_pictured,
        is_deactivated,
        is_dearer,
        says_more,
        is_rated,
        comes_online,
        teaches_else,
        subject_is_renamed,
        another_is_approved,
    ],
)
async def test_a_change_is_seen_at_once(service: Harness, change: Change) -> None:
    tutor, client = await approved(service), service.client()
    before = (await client.get("/api/tutors")).json()

    await change(service, tutor)
    after = (await client.get("/api/tutors")).json()

    assert after != before
    assert after == (await client.get("/api/tutors", params={"page_size": 50})).json() | {"page_size": 20}, "it was found anew"


async def test_who_is_online_no_more_is_not_shown_so(service: Harness) -> None:
    tutor, client = await approved(service), service.client()
    await comes_online(service, tutor)
    assert (await client.get("/api/tutors")).json()["items"][0]["is_online"] is True

    await service.deliver(PresenceChanged(user_id=tutor.user_id, version=2, is_online=False))

    assert (await client.get("/api/tutors")).json()["items"][0]["is_online"] is False


async def test_each_student_sees_the_own_favorites(service: Harness) -> None:
    tutor, one, another = await approved(service), await registers(service), await registers(service)
    await one.call("POST", f"/api/students/favorites/{tutor.tutor_id}", 201)

    async def seen(person: Person) -> Any:
        return (await person.get("/api/tutors"))["items"][0]["is_favorite"]

    assert [await seen(person) for person in (one, another, one, another, admin(service))] == [True, False, True, False, None]

    await another.call("POST", f"/api/students/favorites/{tutor.tutor_id}", 201)
    assert await seen(another) is True

    await another.call("DELETE", f"/api/students/favorites/{tutor.tutor_id}", 204)
    assert await seen(another) is False


async def test_whoever_is_refused_gets_no_kept_page_either(service: Harness) -> None:
    await approved(service)
    assert await sources(service, 2) == ["found", "kept"]

    answer = await service.client().get("/api/tutors", headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_what_is_asked_for_wrongly_is_told_each_time(service: Harness) -> None:
    for _ in range(2):
        assert (await service.client().get("/api/tutors", params={"page": 0})).status_code == 422


async def test_jobs_that_change_nothing_leave_pages_as_they_are(service: Harness, runtime: Runtime) -> None:
    await approved(service)
    await fold_counts(runtime)
    await found(service.client())

    await fold_counts(runtime)
    await refresh_stale(runtime)

    assert await sources(service, 1) == ["kept"]
    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM search_changes") == 1


async def test_folding_leaves_the_stamp_as_it_is(service: Harness) -> None:
    await approved(service)
    async with service.database.transaction() as tx:
        before, several = await tx.value(search.STAMP), await tx.value("SELECT count(*) FROM search_changes")
        await tx.run(search.FOLD_SEARCH)

        assert several > 1
        assert await tx.value("SELECT count(*) FROM search_changes") == 1
        assert await tx.value(search.STAMP) == before


async def test_a_change_that_was_begun_before_another_and_committed_after_it_is_seen(service: Harness) -> None:
    slow, quick, client = await approved(service), await approved(service), service.client()
    async with service.database.transaction() as tx:
        await tx.run("UPDATE tutors SET headline = 'Late' WHERE id = %(id)s", id=slow.tutor_id)
        await says_more(service, quick)
        assert await sources(service, 2) == ["found", "kept"]

    headlines = {item["id"]: item["headline"] for item in (await client.get("/api/tutors")).json()["items"]}
    assert headlines[slow.tutor_id] == "Late"


async def test_a_change_after_all_were_counted_is_seen_by_whoever_asks_next(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of words may take several statements: it is as old as the first."""
    (tutor, _), client = [await approved(service, bio="galaxy bridge") for _ in range(2)], service.client()
    count = actions._by_counting

    async def count_and_change(*args: Any) -> Any:
        chosen = await count(*args)
        await is_dearer(service, tutor)
        return chosen

    async def total() -> int:
        page = (await client.get("/api/tutors", params={"search": "galaxy bridge", "max_rate": 50})).json()
        return int(page["total"])

    monkeypatch.setattr(actions, "DEAR", 0)
    with monkeypatch.context() as patch:
        patch.setattr(actions, "_by_counting", count_and_change)
        assert await total() == 2

    assert await total() == 1


async def test_a_change_that_is_taken_back_changes_nothing(service: Harness) -> None:
    tutor = await approved(service)
    await found(service.client())
    with suppress(LookupError):
        async with service.database.transaction() as tx:
            await tx.run("UPDATE tutors SET headline = 'Never' WHERE id = %(id)s", id=tutor.tutor_id)
            raise LookupError

    assert await sources(service, 1) == ["kept"]


async def test_kept_pages_do_not_grow_without_end(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await approved(service)
    length = len((await service.client().get("/api/tutors")).content)
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * (length + kept.ENTRY + 100))

    for size in (21, 22, 23):
        await found(service.client(), page_size=size)

    assert await sources(service, 1, page_size=22) == ["kept"]
    assert await sources(service, 1, page_size=21) == ["found"]


async def test_a_long_query_string_counts_like_a_long_page(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await approved(service)
    monkeypatch.setattr(kept, "MOST_BYTES", 5_000)
    assert await sources(service, 2) == ["found", "kept"]

    assert await sources(service, 2, of_nobody="x" * 5_000) == ["found", "found"]


async def test_a_page_is_not_kept_for_ever(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await approved(service)
    monkeypatch.setattr(kept, "LONGEST", 0)

    assert await sources(service, 2, page_size=31) == ["found", "found"]
