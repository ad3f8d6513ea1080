"""Tutors write their profiles."""

import asyncio
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.profiles.people import registers, subject


async def test_what_is_not_sent_stays_and_null_clears(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    await tutor.call("PATCH", "/api/tutors/me/about", json={"title": " Maths  ", "headline": "Ten years", "experience_years": 7})

    changed = await tutor.call("PATCH", "/api/tutors/me/about", json={"headline": None, "bio": "Two\nlines", "unknown": 1})

    assert (changed["title"], changed["headline"], changed["bio"], changed["experience_years"]) == (
        "Maths",
        None,
        "Two\nlines",
        7,
    )
    assert await tutor.profile() == changed


@pytest.mark.parametrize(
    ("path", "name", "value"), [("description", "description", "Short"), ("video", "video_url", "https://youtu.be/abc")]
)
async def test_of_a_section_with_one_field_nothing_needs_to_be_sent(service: Harness, path: str, name: str, value: str) -> None:
    tutor = await registers(service, "tutor")

    async def change(body: dict[str, Any]) -> Any:
        return (await tutor.call("PATCH", f"/api/tutors/me/{path}", json=body))[name]

    assert [await change(body) for body in ({name: value}, {}, {name: None})] == [value, value, None]


async def test_languages_are_kept_as_codes_whatever_was_sent(service: Harness) -> None:
    tutor = await registers(service, "tutor")

    changed = await tutor.call("PATCH", "/api/tutors/me/about", json={"languages": ["Spanish", "en", "EN", "ukrainian"]})

    assert changed["languages"] == ["es", "en", "uk"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("about", {"title": ""}),
        ("about", {"title": "x" * 121}),
        ("about", {"headline": "x" * 161}),
        ("about", {"bio": "x" * 5001}),
        ("about", {"bio": "a\x00b"}),
        ("about", {"experience_years": -1}),
        ("about", {"experience_years": None}),
        ("about", {"languages": ["klingon-tlh"]}),
        ("about", {"languages": None}),
        ("pricing", {"hourly_rate": 0.99}),
        ("pricing", {"hourly_rate": 1000.01}),
        ("pricing", {"hourly_rate": 10.001}),
        ("pricing", {"hourly_rate": "NaN"}),
        ("pricing", {"hourly_rate": None}),
        ("pricing", {"currency": "XXX"}),
        ("video", {"video_url": "http://youtube.com/watch?v=1"}),
        ("video", {"video_url": "https://youtube.com.example.org/watch"}),
        ("video", {"video_url": "https://youtube.com@example.org/watch"}),
        ("video", {"video_url": "https://example.org\\.youtube.com/watch"}),
        ("video", {"video_url": "https://example.org%5c.youtube.com/watch"}),
        ("video", {"video_url": "javascript:alert(1)//youtube.com"}),
        ("description", {"description": "x" * 5001}),
    ],
)
async def test_impossible_values_are_refused(service: Harness, path: str, body: dict[str, Any]) -> None:
    tutor = await registers(service, "tutor")

    await tutor.call("PATCH", f"/api/tutors/me/{path}", 422, json=body)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=abc",
        "https://youtu.be/abc",
        "https://vimeo.com/1",
        "https://www.loom.com/share/1",
        "https://cdn.example.com/me.MP4",
        None,
    ],
)
async def test_videos_of_the_usual_places_are_taken(service: Harness, url: str | None) -> None:
    tutor = await registers(service, "tutor")

    assert (await tutor.call("PATCH", "/api/tutors/me/video", json={"video_url": url}))["video_url"] == url


async def test_rate_and_currency_change_one_by_one(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 55.5, "currency": "GBP"})

    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 60})

    profile = await tutor.profile()
    assert (profile["hourly_rate"], profile["currency"]) == (60.0, "GBP")
    told = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]
    assert (told["hourly_rate"], told["currency"]) == ("60.00", "GBP")


async def test_a_currency_without_cents_takes_whole_amounts_only(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 55.5, "currency": "USD"})

    for body in ({"currency": "JPY"}, {"currency": "JPY", "hourly_rate": 500.01}):
        answer = await tutor.call("PATCH", "/api/tutors/me/pricing", 422, json=body)
        assert answer["code"] == "rate_not_payable"
    assert ((await tutor.profile())["hourly_rate"], (await tutor.profile())["currency"]) == (55.5, "USD")
    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"currency": "JPY", "hourly_rate": 500})


async def test_chosen_subjects_replace_those_before(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    first, second, third = [await subject(service, name) for name in ("Algebra", "Biology", "Chemistry")]
    await tutor.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [first, second, second]})

    changed = await tutor.call("PUT", "/api/tutors/me/subjects", json={"subject_ids": [third, second]})

    assert [s["name"] for s in changed["subjects"]] == ["Biology", "Chemistry"]


async def test_a_subject_that_does_not_exist_cannot_be_chosen(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    known = await subject(service)

    answer = await tutor.call("PUT", "/api/tutors/me/subjects", 422, json={"subject_ids": [known, 10**12]})

    assert answer["code"] == "subject_unknown"
    assert (await tutor.profile())["subjects"] == []


async def test_education_and_certifications_are_kept_and_the_highest_degree_is_shown(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    degrees = [
        {"degree": "Bachelor of Science", "institution": "A", "year": 2018},
        {"degree": "Master of Education", "institution": "B", "year": 2015},
    ]
    certificates = [{"title": "Certified Math Educator", "issuer": "National Board", "year": 2020}]
    await tutor.call("PUT", "/api/tutors/me/education", json={"education": degrees})

    changed = await tutor.call("PUT", "/api/tutors/me/certifications", json={"certifications": certificates})

    assert (changed["education"], changed["certifications"]) == (degrees, certificates)


@pytest.mark.parametrize("year", [1949, 3000, "soon"])
async def test_years_before_1950_or_to_come_are_refused(service: Harness, year: Any) -> None:
    tutor = await registers(service, "tutor")

    await tutor.call("PUT", "/api/tutors/me/education", 422, json={"education": [{"degree": "Any", "year": year}]})


async def test_more_than_twenty_degrees_are_refused(service: Harness) -> None:
    tutor = await registers(service, "tutor")

    await tutor.call("PUT", "/api/tutors/me/education", 422, json={"education": [{"degree": "Any"}] * 21})


async def test_every_change_has_a_higher_version(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    await tutor.call("PATCH", "/api/tutors/me/about", json={"title": "One"})
    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 20})

    versions = [e["data"]["version"] for e in await service.outbox("profiles.tutor.changed.v1")]

    assert versions == sorted(set(versions))
    assert len(versions) == 3


async def test_two_edits_at_once_lose_nothing(service: Harness) -> None:
    tutor = await registers(service, "tutor")
    bodies: list[dict[str, Any]] = [
        {"title": "T"},
        {"headline": "H"},
        {"bio": "B"},
        {"teaching_philosophy": "P"},
        {"experience_years": 9},
    ]

    await asyncio.gather(*(tutor.call("PATCH", "/api/tutors/me/about", json=body) for body in bodies))

    profile = await tutor.profile()
    assert {k: profile[k] for body in bodies for k in body} == {k: v for body in bodies for k, v in body.items()}
