"""Pages: which are refused, which are empty, and what they hold."""

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from shared.paging import FURTHEST, LAST, Page, Paging


@pytest.mark.parametrize(
    ("query", "status", "limit"),
    [
        ("", 200, 20),
        ("page=1&page_size=100", 200, 100),
        (f"page={FURTHEST // 100}&page_size=100", 200, 100),
        (f"page={FURTHEST // 100 + 1}&page_size=100", 200, 0),
        (f"page={LAST}&page_size=100", 200, 0),
        (f"page={LAST + 1}", 422, None),
        ("page=0", 422, None),
        ("page=-1", 422, None),
        ("page_size=0", 422, None),
        ("page_size=101", 422, None),
        (f"page={10**30}", 422, None),
    ],
)
async def test_a_page_beyond_what_a_list_may_hold_is_empty_and_reads_nothing(query: str, status: int, limit: int | None) -> None:
    app = FastAPI()

    @app.get("/")
    async def read(page: Paging) -> int:
        return page.limit

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tests") as client:
        answer = await client.get(f"/?{query}")

    assert answer.status_code == status
    assert limit is None or answer.json() == limit


@given(total=st.integers(0, 1000), size=st.integers(1, 100))
def test_the_pages_hold_every_item_once(total: int, size: int) -> None:
    items = list(range(total))
    pages = [Page(number, size) for number in range(1, Page(1, size).pages(total) + 1)]

    assert [item for page in pages for item in items[page.offset : page.offset + size]] == items
    assert all(page.offset < total for page in pages)
