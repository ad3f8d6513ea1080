"""Reference lists."""

import pytest

from tests.harness import Harness

LISTS = ("countries", "languages", "proficiency-levels", "phone-codes")


async def test_lists_are_complete_and_sorted(service: Harness) -> None:
    client = service.client()
    countries, languages, levels, codes = [(await client.get(f"/api/utils/{name}")).json() for name in LISTS]

    assert {"code": "US", "name": "United States"} in countries
    assert {"code": "GB", "name": "United Kingdom"} in countries
    assert len(countries) == 249
    assert countries[-1]["name"] == "Zimbabwe"
    assert {"code": "en", "name": "English"} in languages
    assert {"code": "uk", "name": "Ukrainian"} in languages
    assert len(languages) >= 180
    assert levels == ["Beginner", "Intermediate", "Advanced", "Native"]
    assert {"country": "United Kingdom", "code": "+44"} in codes
    assert len(codes) >= 240
    assert [c["name"] for c in countries[:2]] == ["Afghanistan", "Åland Islands"]


@pytest.mark.parametrize("name", LISTS)
async def test_lists_may_be_kept_for_a_day(service: Harness, name: str) -> None:
    client = service.client()

    first = await client.get(f"/api/utils/{name}")
    again = await client.get(f"/api/utils/{name}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    other = await client.get(f"/api/utils/{name}", headers={"If-None-Match": '"other"'})

    assert first.headers["cache-control"] == "public, max-age=86400"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200
