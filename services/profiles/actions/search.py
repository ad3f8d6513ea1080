"""Finding tutors."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from psycopg.rows import class_row, scalar_row

from services.profiles.queries import search
from services.profiles.queries.search import ANY_SUBJECT, Variant
from services.profiles.queries.tutors import Profile
from services.profiles.rules.words import is_literal, prefix_of, query_of, terms_of
from shared.db import Tx
from shared.paging import Page

Sort = Literal["rating", "rate", "-rate", "experience"]
MIN_RATE, MOST_RATE, MOST_YEARS = 1, 1000, 1000


@dataclass(frozen=True, slots=True)
class Criteria:
    """All of them must be met, but any of the languages (ISO codes) is enough. `search` is words, each perhaps mistyped."""

    subject_id: int | None = None
    min_rate: Decimal | None = None
    max_rate: Decimal | None = None
    experience_years: int | None = None
    languages: tuple[str, ...] = ()
    search: str | None = None
    sort: Sort = "rating"


async def find(tx: Tx, criteria: Criteria, page: Page, viewer: int | None = None) -> tuple[list[Profile], int]:
    """One page of the tutors that meet the criteria, and how many there are in all."""
    filters: dict[str, Any] = {
        "subject_id": criteria.subject_id or ANY_SUBJECT,
        "min_rate": criteria.min_rate,
        "max_rate": criteria.max_rate,
        "experience_years": criteria.experience_years,
        "languages": list(criteria.languages) or None,
    }
    spelled: dict[str, list[str]] = {}
    pages = search.PAGES
    if criteria.search is not None:
        terms = terms_of(criteria.search)
        if not terms:
            return [], 0
        spelled = {term: [] for term in terms} | await variants(tx, terms)
        filters["words"] = query_of(terms, spelled)
        pages = search.PAGES_BY_WORDS
    asked = filters | {"viewer": viewer, "limit": page.size, "offset": page.offset}
    found: list[Profile] = await _planned(tx, class_row(Profile), pages[criteria.sort], asked)
    if 0 < len(found) < page.size or (not found and page.offset == 0):  # the last page counts itself
        return found, page.offset + len(found)
    return found, await _total(tx, filters, spelled)


async def _total(tx: Tx, filters: dict[str, Any], spelled: dict[str, list[str]]) -> int:
    """From the counts where they can tell, else by counting what matches."""
    languages = filters["languages"] or [""]
    if spelled and any(value for name, value in filters.items() if name != "words"):
        statement = search.TOTAL_BY_WORDS
    elif len(spelled) > 1:
        statement = search.TOTAL_BY_WORDS_ALONE
    elif spelled:
        [(term, others)] = spelled.items()
        statement, filters = search.TOTAL_BY_TERM, {"spellings": [term, *others], "prefix": prefix_of(term)}
    elif len(languages) == 1:
        statement, filters = search.TOTAL_BY_COUNTS, cells(filters, languages[0])
    else:
        statement = search.TOTAL
    return int((await _planned(tx, scalar_row, statement, filters))[0])


def cells(filters: dict[str, Any], language: str) -> dict[str, Any]:
    """Which counts to sum up: where a filter is not used, those for any value."""
    years, least, most = filters["experience_years"], filters["min_rate"], filters["max_rate"]
    any_rate = least is None and most is None
    return {
        "subject_id": filters["subject_id"],
        "language": language,
        "least_years": -1 if years is None else years,
        "most_years": -1 if years is None else MOST_YEARS,
        "least_rate": 0 if any_rate else max(least or 0, MIN_RATE),
        "most_rate": 0 if any_rate else MOST_RATE if most is None else most,
    }


async def variants(tx: Tx, terms: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    literal = [term for term in terms if is_literal(term)]
    others = [term for term in terms if not is_literal(term)]
    rows = await tx.all(Variant, search.VARIANTS, terms=others) if others else []
    rows += await tx.all(Variant, search.CONTAINING, terms=literal) if literal else []
    for row in rows:
        found[row.term].append(row.word)
    return found


async def _planned(tx: Tx, row_factory: Any, statement: str, values: dict[str, Any]) -> list[Any]:
    """The rows of a statement that is planned anew for these values: how rare they are decides which index is best, so a
    plan made for any values (which a prepared statement would get) is often the wrong one."""
    async with tx.connection.cursor(row_factory=row_factory) as cursor:
        await cursor.execute(statement, values, prepare=False)
        return await cursor.fetchall()
