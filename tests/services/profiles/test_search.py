"""Finding tutors."""

import random
from decimal import Decimal
from typing import Any

import pytest

from services.profiles import jobs
from services.profiles.actions import search
from services.profiles.actions.search import Criteria
from services.profiles.jobs import count_common_words, fold_counts
from services.profiles.queries.search import ORDERS
from shared.events.bookings import RatingChanged
from shared.paging import Page
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import admin, approved, found, registers, subject, tutor
from tests.services.profiles.population import LANGUAGES, WORDS, expected, populate


@pytest.fixture
def runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)


def criteria(rng: random.Random, subjects: list[int]) -> Criteria:
    """Some filters, each as often there as not."""

    def maybe(value: Any) -> Any:
        return value if rng.random() < 0.5 else None

    return Criteria(
        subject_id=maybe(rng.choice(subjects)),
        min_rate=maybe(rng.choice([Decimal(20), Decimal("20.50"), Decimal(30)])),
        max_rate=maybe(rng.choice([Decimal(30), Decimal("30.50"), Decimal(100)])),
        experience_years=maybe(rng.randint(0, 5)),
        languages=tuple(maybe(rng.sample(LANGUAGES, rng.randint(1, 2))) or ()),
        search=maybe(" ".join(word[: rng.choice([2, 3, 50, 50])] for word in rng.sample(WORDS, rng.randint(1, 2)))),
        sort=rng.choice(list(ORDERS)),  # type: ignore[arg-type]
        currency=maybe(rng.choice(["USD", "EUR", "GBP"])),
    )


async def all_pages(service: Harness, wanted: Criteria, size: int) -> tuple[list[int], set[int]]:
    """The ids of page after page, and the totals that the pages gave."""
    ids: list[int] = []
    totals = set()
    number = 1
    while True:
        async with service.database.reading() as tx:
            hits = await search.find(tx, wanted, Page(number, size))
        totals.add(hits.total)
        if not hits.cards:
            return ids, totals
        ids += [card.id for card in hits.cards]
        number += 1


@pytest.mark.parametrize(("is_folded", "dear"), [(False, search.DEAR), (True, search.DEAR), (False, 0), (True, 0)], ids=str)
@pytest.mark.parametrize("common", [1, jobs.COMMON], ids=["words are counted", "words are not counted"])
async def test_pages_hold_exactly_what_meets_the_criteria_in_order(
    service: Harness, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, is_folded: bool, dear: int, common: int
) -> None:
    """Also where those whom words find are few by none, and all are looked for in the order of the catalogue."""
    monkeypatch.setattr(search, "DEAR", dear)
    monkeypatch.setattr(jobs, "COMMON", common)
    everybody, subjects = await populate(service, 30)
    await fold_counts(runtime)
    await count_common_words(runtime)
    everybody += (await populate(service, 30, seed=2, known=subjects))[0]
    if is_folded:
        await fold_counts(runtime)
    rng = random.Random(2)

    for _ in range(150):
        wanted = criteria(rng, subjects)
        ids, totals = await all_pages(service, wanted, rng.choice([3, 7, 20]))
        assert (ids, totals) == (expected(everybody, wanted), {len(ids)}), wanted


async def test_whoever_has_no_review_comes_after_those_who_have_also_among_those_whom_words_find(service: Harness) -> None:
    unrated, best, good = [await approved(service, headline="galaxy") for _ in range(3)]
    for person, rating in ((best, "4.9"), (good, "3.9")):
        given = RatingChanged(tutor_id=person.tutor_id, version=1, average_rating=Decimal(rating), total_reviews=1)
        await service.deliver(given)

    order = [best.tutor_id, good.tutor_id, unrated.tutor_id]
    assert await found(service.client()) == order
    assert await found(service.client(), search="galaxy") == order


async def test_rates_can_be_compared_in_one_currency(service: Harness) -> None:
    dollars, yen = await approved(service, rate=30), await approved(service, rate=900)
    await yen.call("PATCH", "/api/tutors/me/pricing", json={"currency": "JPY"})

    assert await found(service.client(), min_rate=20, currency="JPY") == [yen.tutor_id]
    assert await found(service.client(), max_rate=50, currency="USD", languages="en") == [dollars.tutor_id]
    assert await found(service.client(), min_rate=20, sort="rate") == [dollars.tutor_id, yen.tutor_id]
    assert (await service.client().get("/api/tutors")).json()["items"][0]["languages"] == ["English"]


@pytest.mark.parametrize(
    "text",
    [
        "calculus",
        "calculs",
        "CALCULUS",
        "calc",
        "garcia",
        "García",
        "mathematcis",
        "ca",
        "experienced calculus",
        "the calculus of garcia",
    ],
)
async def test_words_are_found_however_they_are_written(service: Harness, text: str) -> None:
    maths = await subject(service, "Mathematics")
    wanted = await approved(service, [maths], last_name="García", headline="Ten years of calculus", title="Experienced")
    await approved(service, headline="Cooking for two")

    assert await found(service.client(), search=text) == [wanted.tutor_id]


async def test_a_known_word_is_taken_at_its_word_and_no_other(service: Harness) -> None:
    maths, matt = await approved(service, headline="math"), await approved(service, headline="matt")

    assert await found(service.client(), search="math") == [maths.tutor_id]
    assert await found(service.client(), search="mats") == [maths.tutor_id, matt.tutor_id]
    assert await found(service.client(), search="mats math") == [maths.tutor_id]
    assert await found(service.client(), search="math mats") == [maths.tutor_id]


async def test_a_limit_of_nothing_is_a_limit_also_beyond_the_last_page(service: Harness) -> None:
    await approved(service, headline="calculus")

    page = (await service.client().get("/api/tutors", params={"search": "calculus", "max_rate": 0, "page": 2})).json()

    assert (page["items"], page["total"]) == ([], 0)


@pytest.mark.parametrize(
    ("text", "headline"),
    [("100%", "Success: 100% sure"), ("%", "Success: 100% sure"), ("_", "snake_case"), ("c++", "C++ and more"), ("c#", "C# too")],
)
async def test_symbols_are_plain_characters(service: Harness, text: str, headline: str) -> None:
    wanted = await approved(service, headline=headline)
    await approved(service, headline="Plain words of 100 years, c and s")

    assert await found(service.client(), search=text) == [wanted.tutor_id]


async def test_words_that_nobody_wrote_find_nobody(service: Harness) -> None:
    await approved(service)

    for text in ("xylophonist", "!!!", "\u0301", "\u0902", "'; DROP TABLE tutors", "a:*", "\\", "\U0001f600"):
        assert await found(service.client(), search=text) == [], text


async def test_all_words_must_be_there(service: Harness) -> None:
    both = await approved(service, headline="galaxy bridge")
    await approved(service, headline="galaxy")

    assert await found(service.client(), search="bridge galaxy") == [both.tutor_id]


async def test_only_approved_active_tutors_are_found(service: Harness) -> None:
    shown, gone = await approved(service), await approved(service)
    await tutor(service)
    await gone.changes(is_active=False)

    assert await found(service.client()) == [shown.tutor_id]


async def test_a_page_says_how_many_there_are(service: Harness) -> None:
    for _ in range(3):
        await approved(service)

    page = (await service.client().get("/api/tutors", params={"page_size": 2})).json()
    beyond = (await service.client().get("/api/tutors", params={"page_size": 2, "page": 50})).json()

    assert (page["total"], page["total_pages"], page["page"], page["page_size"], len(page["items"])) == (3, 2, 1, 2, 2)
    assert (beyond["total"], beyond["total_pages"], beyond["items"]) == (3, 2, [])


async def test_a_card_is_what_clients_expect(service: Harness) -> None:
    maths = await subject(service, "Mathematics")
    person = await approved(service, [maths], rate=45, headline="H", languages=["en", "es"], experience_years=10)
    await person.call("PUT", "/api/tutors/me/education", json={"education": [{"degree": "Master's in Education"}]})

    item = (await service.client().get("/api/tutors")).json()["items"][0]

    assert item == (await service.client().get(f"/api/tutors/{person.tutor_id}/public")).json()
    assert (item["hourly_rate"], item["currency"], item["languages"]) == (45.0, "USD", ["English", "Spanish"])
    assert (item["education"], item["subjects"]) == (
        "Master's in Education",
        [{"id": maths, "name": "Mathematics", "category": "STEM"}],
    )
    assert (item["is_approved"], item["is_online"], item["average_rating"], item["total_reviews"]) == (True, False, 0.0, 0)


async def test_languages_may_be_codes_or_names(service: Harness) -> None:
    wanted = await approved(service, languages=["uk"])
    await approved(service, languages=["en"])

    assert await found(service.client(), languages="Ukrainian, fr") == [wanted.tutor_id]
    assert len(await found(service.client(), languages="", search=" ")) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page_size": 101},
        {"page": "x"},
        {"min_rate": -1},
        {"min_rate": "NaN"},
        {"max_rate": "inf"},
        {"min_rate": "1e-16384"},
        {"max_rate": "1e-99999"},
        {"min_rate": "0.0000001"},
        {"experience_years": -1},
        {"languages": "xx"},
        {"sort": "name"},
        {"currency": "XYZ"},
        {"subject_id": 0},
        {"subject_id": 2**63},
        {"search": "x" * 101},
        {"search": "a\x00"},
    ],
)
async def test_impossible_criteria_are_refused(service: Harness, query: dict[str, Any]) -> None:
    assert (await service.client().get("/api/tutors", params=query)).status_code == 422


@pytest.mark.parametrize("rate", ["0e-99999999", "0e99999999", "20.000000000", "2E+1"])
async def test_a_limit_may_be_written_with_any_zeros(service: Harness, rate: str) -> None:
    wanted = await approved(service, rate=20)

    assert await found(service.client(), min_rate=rate) == [wanted.tutor_id]


async def test_what_nobody_filled_in_limits_nothing(service: Harness) -> None:
    wanted = await approved(service)
    fields = ("search", "subject_id", "min_rate", "max_rate", "experience_years", "languages", "currency", "sort")

    assert await found(service.client(), **dict.fromkeys(fields, "")) == [wanted.tutor_id]


async def test_a_signed_in_student_sees_which_are_favorites(service: Harness) -> None:
    student, chosen = await registers(service), await approved(service)
    await approved(service)
    await student.call("POST", f"/api/students/favorites/{chosen.tutor_id}", 201)

    items = (await student.get("/api/tutors"))["items"]

    assert {i["id"]: i["is_favorite"] for i in items}[chosen.tutor_id] is True
    assert [i["is_favorite"] for i in items].count(False) == 1
    assert (await admin(service).get("/api/tutors"))["items"][0]["is_favorite"] is None
