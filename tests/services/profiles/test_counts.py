"""Totals stay exact, whatever becomes of the profiles, and however many words are counted."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from services.profiles import jobs
from services.profiles.actions import search, tutors
from services.profiles.jobs import count_common_words, drop_empty_counts, fold_counts
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.counts import WRONG
from tests.services.profiles.people import Person, approved, found, subject
from tests.services.profiles.population import populate
from tests.waiting import eventually


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)


async def test_totals_stay_exact_while_profiles_change(service: Harness, runtime: Runtime) -> None:
    teacher, maths = await approved(service, rate=30), await subject(service)
    await fold_counts(runtime)

    async def total(**query: Any) -> int:
        page = (await service.client().get("/api/tutors", params=query | {"page": 9, "page_size": 1})).json()
        assert page["items"] == []
        return int(page["total"])

    assert (await total(), await total(max_rate=30), await total(languages="en")) == (1, 1, 1)
    await teacher.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 31})
    assert (await total(), await total(max_rate=30), await total(min_rate=31)) == (1, 0, 1)
    await teacher.call("PATCH", "/api/tutors/me/about", json={"languages": ["es", "fr"], "experience_years": 20})
    assert (await total(languages="en"), await total(languages="es"), await total(languages="es,fr")) == (0, 1, 1)
    await fold_counts(runtime)
    assert (await total(experience_years=20), await total(experience_years=21), await total(languages="fr")) == (1, 0, 1)
    await teacher.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [maths]})
    assert await total(subject_id=maths) == 1
    await teacher.changes(is_active=False)
    await fold_counts(runtime)
    assert (await total(), await total(subject_id=maths)) == (0, 0)


async def test_counts_are_folded_to_nothing_left(service: Harness, runtime: Runtime) -> None:
    await populate(service, 5)

    await asyncio.gather(*(fold_counts(runtime) for _ in range(3)))

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM catalogue_changes") == 0
        anybody = "subject_id = 0 AND language = '' AND hourly_rate = 0 AND experience_years = -1"
        assert await tx.value(f"SELECT tutors FROM catalogue_counts WHERE {anybody}") == 5


async def test_the_total_of_a_word_counts_everybody_once_however_it_is_spelled(service: Harness, runtime: Runtime) -> None:
    async def total(text: str) -> int:
        return int(
            (await service.client().get("/api/tutors", params={"search": text, "page": 9, "page_size": 1})).json()["total"]
        )

    both = await approved(service, headline="calculus calculation")
    for headline in ("calculus", "calculations", "calculus and more"):
        await approved(service, headline=headline)
    assert [await total(text) for text in ("calcul", "calculus", "calculos", "calculation", "nothing")] == [4, 3, 3, 2, 0]

    await fold_counts(runtime)
    assert [await total(text) for text in ("calcul", "calculus", "calculos", "calculation", "nothing")] == [4, 3, 3, 2, 0]
    await both.call("PATCH", "/api/tutors/me/about", json={"headline": "Cooking"})
    assert [await total(text) for text in ("calcul", "calculus", "cooking")] == [3, 2, 1]


async def test_the_beginning_of_a_word_means_the_commonest_that_begin_so(service: Harness, runtime: Runtime) -> None:
    await approved(service, bio=" ".join(f"zy{first}{second}" for first in "bcdfghkl" for second in "aeiouyqx"))
    for _ in range(2):
        await approved(service, headline="zygote")
    await fold_counts(runtime)

    async with service.database.reading() as tx:
        spelled = (await search.spellings_of(tx, ["zy"]))["zy"]

    assert (spelled[:2], len(spelled)) == (["zy", "zygote"], 11)
    assert len(await found(service.client(), search="zy number")) == 3


async def test_while_profiles_change_and_words_are_counted_the_counts_miss_nobody(
    service: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "COMMON", 2)
    await populate(service, 20)
    await fold_counts(runtime)
    people = [await approved(service, headline="galaxy bridge") for _ in range(4)]

    async def rewrite(person: Person, n: int) -> None:
        headline = ("galaxy", "orchid quantum", "bridge galaxies")[n % 3]
        await person.call("PATCH", "/api/tutors/me/about", json={"headline": headline, "languages": [("en", "fr")[n % 2]]})
        await person.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 20 + n % 5})

    async def keep_counting() -> None:
        for _ in range(5):
            await fold_counts(runtime)
            await count_common_words(runtime)

    await asyncio.gather(keep_counting(), *(rewrite(person, n) for n, person in enumerate(people * 8)))
    await people[0].changes(is_active=False)

    for _ in range(2):
        async with service.database.reading() as tx:
            assert await tx.rows(WRONG) == []
            assert await tx.value("SELECT count(*) FROM vocabulary WHERE is_counted") > 10
        await fold_counts(runtime)
        await drop_empty_counts(runtime)


async def test_who_wrote_before_a_word_was_noted_is_waited_for(
    service: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "COMMON", 3)
    people = [await approved(service, headline="galaxy") for _ in range(3)]
    await fold_counts(runtime)

    async def somebody_waits() -> bool:
        async with service.database.reading() as tx:
            return bool(await tx.value("SELECT count(*) FROM pg_locks WHERE relation = 'documents'::regclass AND NOT granted"))

    async with service.database.transaction() as tx:
        await tutors.edit(tx, people[0].tutor_id, datetime.now(UTC), headline="Nothing")
        counting = asyncio.create_task(count_common_words(runtime))
        await eventually(somebody_waits)
    await counting

    async with service.database.reading() as tx:
        assert await tx.rows(WRONG) == []


async def test_a_count_of_a_word_that_failed_is_made_good_by_the_next(
    service: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "COMMON", 2)
    people = [await approved(service, headline="galaxy") for _ in range(3)]
    await fold_counts(runtime)
    await count_common_words(runtime)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE vocabulary SET is_counted = false WHERE word = 'galaxy'")
    await people[0].call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 77})

    await count_common_words(runtime)

    async with service.database.reading() as tx:
        assert await tx.rows(WRONG) == []
        assert await tx.value("SELECT is_counted FROM vocabulary WHERE word = 'galaxy'")


async def test_two_letters_mean_whoever_has_a_word_that_begins_so(service: Harness) -> None:
    """However many such words there are, and whether the worker has counted them yet or not."""
    everybody = [(await approved(service, bio=f"zy{first}o zy{first}i")).tutor_id for first in "bcdfghklmnpq"]
    await approved(service, bio="lazy")

    page = (await service.client().get("/api/tutors", params={"search": "zy", "page_size": 5})).json()

    assert (page["total"], len(page["items"])) == (12, 5)
    assert sorted(await found(service.client(), search="zy")) == sorted(everybody)
    assert len(await found(service.client(), search="zyb")) == 1
