"""Pages of lists: `page` from 1, `page_size` up to 100; a page beyond the end is empty, one beyond `FURTHEST` rows refused."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from shared.errors import Invalid

FURTHEST = 1_000_000  # rows that a page may come after: OFFSET reads them all, to throw them away


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    def pages(self, total: int) -> int:
        """How many pages `total` items make."""
        return -(-total // self.size)


class TooFar(Invalid):
    code = Invalid.code
    detail = f"page: must be among the first {FURTHEST} items; narrow the list by its filters"

    def __init__(self) -> None:
        super().__init__(errors=[{"field": "page", "message": self.detail.partition(": ")[2]}])


def page_of(default_size: int) -> object:
    """The dependency for a list whose default page holds `default_size` items."""

    async def read(
        page: Annotated[int, Query(ge=1, le=FURTHEST)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = default_size
    ) -> Page:
        asked = Page(page, page_size)
        if asked.offset >= FURTHEST:
            raise TooFar
        return asked

    return Depends(read)


Paging = Annotated[Page, page_of(20)]
Paging50 = Annotated[Page, page_of(50)]
Paging100 = Annotated[Page, page_of(100)]
