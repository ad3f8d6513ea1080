"""Pages of search as they were answered: answered again as they are, while nothing that they show has changed."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from services.profiles import metrics
from services.profiles.actions.search import Found
from services.profiles.queries.search import IS_SAME
from shared.db import Tx

MOST_BYTES = 16 * 2**20
ENTRY = 1_000  # bytes that a page takes besides its content and the query string, which may be the longer one
LONGEST = 60.0  # seconds: after a database was put back to an earlier state its changes are counted anew

Asked = tuple[bytes, bool]
"""The query string, and whether a student asks."""


@dataclass(frozen=True, slots=True)
class Kept:
    content: bytes
    until: float
    state: dict[str, Any]
    """What `IS_SAME` compares."""


class KeptPages:
    """Those of one process, least recently used first out. The database is asked each time whether a page is the same still, by
    one statement that reads some twenty rows: so no process shows what another one changed."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Asked, Kept] = OrderedDict()
        self._bytes = 0

    @classmethod
    def of(cls, request: Request) -> "KeptPages":
        pages: KeptPages = request.app.state.pages
        return pages

    async def find(self, tx: Tx, asked: Asked, viewer: int | None) -> bytes | None:
        """The answer as it was, if it would be the same now."""
        kept = self._pages.get(asked)
        is_same = kept is not None and kept.until > time.monotonic() and await tx.value(IS_SAME, **kept.state, viewer=viewer)
        if kept is None or not is_same:
            return None
        metrics.search_pages.labels("kept").inc()
        if asked in self._pages:  # another request may have dropped it while the database was asked
            self._pages.move_to_end(asked)
        return kept.content

    def keep(self, asked: Asked, found: Found, content: bytes) -> None:
        """The answer for next time, unless it is one student's only, whose favorites are in it."""
        metrics.search_pages.labels("found").inc()
        if not found.cards or any(card.is_favourite for card in found.cards):
            return
        state = {
            "stamp": found.stamp,
            "tutor_ids": _array(card.id for card in found.cards),
            "user_ids": _array(card.user_id for card in found.cards),
            "online": _array(sorted(card.user_id for card in found.cards if card.is_online)),
        }
        self._drop(asked)
        self._pages[asked] = Kept(content, time.monotonic() + LONGEST, state)
        self._bytes += _size(asked, content)
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._pages)))

    def _drop(self, asked: Asked) -> None:
        if (kept := self._pages.pop(asked, None)) is not None:
            self._bytes -= _size(asked, kept.content)


def _size(asked: Asked, content: bytes) -> int:
    return len(asked[0]) + len(content) + ENTRY


def _array(ids: Any) -> str:
    """As PostgreSQL writes one: the driver would look at each number, every time."""
    return "{" + ",".join(map(str, ids)) + "}"
