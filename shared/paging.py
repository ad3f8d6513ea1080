"""Pages of lists: `page` from 1, `page_size` up to 100; a page beyond the end, or beyond `FURTHEST` rows, is empty."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

FURTHEST = 1_000_000  # rows that a page may come after: OFFSET reads them all, to throw them away
LAST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def limit(self) -> int:
        """How many rows to read: none where that would be dear, since no list is that long."""
        return self.size if self.offset < FURTHEST else 0

    def pages(self, total: int) -> int:
        """How many pages `total` items make."""
        return -(-total // self.size)


def page_of(default_size: int) -> object:
    """The dependency for a list whose default page holds `default_size` items."""

    async def read(
        page: Annotated[int, Query(ge=1, le=LAST)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = default_size
    ) -> Page:
        return Page(page, page_size)

    return Depends(read)


Paging = Annotated[Page, page_of(20)]
Paging50 = Annotated[Page, page_of(50)]
Paging100 = Annotated[Page, page_of(100)]
