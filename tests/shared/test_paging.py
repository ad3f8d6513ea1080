"""Pages: which are refused, which are empty, and what they hold."""

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refusal
from shared.http import _refusal
from shared.paging import FURTHEST, Page, Paging


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("page=1&page_size=100", 200),
        (f"page={FURTHEST // 100}&page_size=100", 200),
        (f"page={FURTHEST // 100 + 1}&page_size=100", 422),
        (f"page={FURTHEST}&page_size=1", 200),
        (f"page={FURTHEST + 1}&page_size=1", 422),
        ("page=0", 422),
        ("page=-1", 422),
        ("page_size=0", 422),
        ("page_size=101", 422),
        (f"page={10**30}", 422),
    ],
)
async def test_a_page_is_among_the_first_million_items(query: str, status: int) -> None:
    app = FastAPI()
    app.add_exception_handler(Refusal, _refusal)

    @app.get("/")
    async def offset(page: Paging) -> int:
        return page.offset

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tests") as client:
        assert (await client.get(f"/?{query}")).status_code == status


@given(total=st.integers(0, 1000), size=st.integers(1, 100))
def test_the_pages_hold_every_item_once(total: int, size: int) -> None:
    items = list(range(total))
    pages = [Page(number, size) for number in range(1, Page(1, size).pages(total) + 1)]

    assert [item for page in pages for item in items[page.offset : page.offset + size]] == items
    assert all(page.offset < total for page in pages)
