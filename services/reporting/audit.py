"""Reading the audit log: by page, and whole as a stream."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import LiteralString

from services.reporting import queries
from services.reporting.queries import Entry
from services.reporting.views import AuditEntryView
from shared.db import Database, Tx
from shared.paging import Page

COUNTED = 10_000  # entries counted for a page's total
BATCH = 1000  # entries read at once by an export
FORMULA = ("=", "+", "-", "@", "\t", "\r")
AFTER_SEPARATOR = re.compile(r"""([;\t\r\n][\s"]*)(?=[=+@-])""")  # where a formula would begin, if cells ended there
COLUMNS = list(AuditEntryView.model_fields)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; None is any. `from_at` is included, `to_at` is not."""

    action: str | None = None
    user_id: int | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    target_type: str | None = None
    target_id: int | None = None

    @property
    def condition(self) -> LiteralString:
        """Only what is asked for, so that each combination is planned for itself."""
        wanted = [queries.AUDIT_FILTERS[f.name] for f in fields(self) if getattr(self, f.name) is not None]
        return " AND ".join(wanted) or "true"


async def find(tx: Tx, only: Filter, page: Page) -> tuple[list[Entry], int]:
    """One page, newest first, and how many entries there are in all, counted up to `COUNTED`: a log only ever grows, its pages
    must not get slower with it."""
    where, params = only.condition, asdict(only)
    total = await tx.value(queries.AUDIT_TOTAL.format(where), **params, most=COUNTED)
    entries = await tx.all(Entry, queries.AUDIT_PAGE.format(where), **params, limit=page.limit, offset=page.offset)
    return entries, total


async def ndjson(database: Database, only: Filter) -> AsyncIterator[bytes]:
    """A JSON object a line, oldest first."""
    async for entries in _batches(database, only):
        yield b"".join(AuditEntryView.of(entry).model_dump_json().encode() + b"\n" for entry in entries)


async def as_csv(database: Database, only: Filter) -> AsyncIterator[bytes]:
    """RFC 4180 with a header, oldest first; `details` is JSON. No cell can be taken for a formula by a spreadsheet, also by one
    that ends cells at semicolons or tabs."""
    yield _csv([COLUMNS])
    async for entries in _batches(database, only):
        yield _csv([[_cell(value) for value in AuditEntryView.of(e).model_dump(mode="json").values()] for e in entries])


async def _batches(database: Database, only: Filter) -> AsyncIterator[list[Entry]]:
    """What is there when the export starts. Each batch takes a connection for itself: a slow reader holds none."""
    where, params = only.condition, asdict(only)
    async with database.reading() as tx:
        last = await tx.value(queries.AUDIT_LAST)
    after = 0
    while True:
        async with database.reading() as tx:
            sql = queries.AUDIT_BATCH.format(where)
            entries = await tx.all(Entry, sql, **params, after=after, last=last, limit=BATCH)
        if not entries:
            return
        yield entries
        after = entries[-1].id


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    text = AFTER_SEPARATOR.sub(r"\1'", text)
    return f"'{text}" if text.startswith(FORMULA) else text
