"""Finding tutors."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row, scalar_row

from services.profiles.queries import search
from services.profiles.queries.search import ANY_SUBJECT, Variant
from services.profiles.queries.tutors import Profile
from services.profiles.rules.words import is_beginning, is_literal, may_be_mistyped, query_of, terms_of
from shared.db import Tx
from shared.paging import Page

Sort = Literal["rating", "rate", "-rate", "experience"]
DEAR = 50  # what looking into twenty tutors' documents costs, in tutors who are found by the index and sorted
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
    currency: str | None = None
    """Who charges in it. Rates are compared as numbers: without it, those of every tutor's own currency."""

    @property
    def narrows(self) -> bool:
        """Whether anything but words must be met."""
        ranges = (self.subject_id, self.min_rate, self.max_rate, self.experience_years)
        return bool(self.marks) or any(limit is not None for limit in ranges)

    @property
    def marks(self) -> tuple[str, ...]:
        """What the catalogue keeps side by side: languages, and the currency."""
        return (*self.languages, self.currency) if self.currency else self.languages


@dataclass(frozen=True, slots=True)
class Statements:
    """What finds one page of the tutors that meet some criteria, what counts all of them, and the values of both."""

    page: LiteralString
    total: LiteralString
    values: dict[str, Any]
    few: LiteralString | None = None
    """What finds the page where all of them are few enough to be looked at."""


async def find(tx: Tx, criteria: Criteria, page: Page, viewer: int | None = None) -> tuple[list[Profile], int]:
    """One page of the tutors that meet the criteria, and how many there are in all."""
    chosen = await choose(tx, criteria)
    if chosen is None:
        return [], 0
    asked = chosen.values | {"viewer": viewer, "limit": page.limit, "offset": page.offset}
    if chosen.few is not None:
        total = await _count(tx, chosen, asked)
        statement = chosen.few if await are_few(tx, total) else chosen.page
        return await _planned(tx, class_row(Profile), statement, asked), total
    found: list[Profile] = await _planned(tx, class_row(Profile), chosen.page, asked)
    if 0 < len(found) < page.size or (not found and page.offset == 0):  # the last page counts itself
        return found, page.offset + len(found)
    return found, await _count(tx, chosen, asked)


async def are_few(tx: Tx, found: int) -> bool:
    """Whether to sort all whom words found is quicker than to go through the catalogue in its order until it met twenty of them:
    the one costs in proportion to them, the other to how many others there are for each of them."""
    unfiltered = {"subject_id": ANY_SUBJECT, "experience_years": None, "min_rate": None, "max_rate": None}
    everybody = await tx.value(search.TOTAL_BY_COUNTS, **cells(unfiltered, ""))
    return bool(found * found <= DEAR * everybody)


async def choose(tx: Tx, criteria: Criteria) -> Statements | None:
    """None where nothing can be found: what is searched for holds no word. Totals are read from the counts where they can
    tell, else what matches is counted."""
    filters: dict[str, Any] = {
        "subject_id": criteria.subject_id or ANY_SUBJECT,
        "min_rate": criteria.min_rate,
        "max_rate": criteria.max_rate,
        "experience_years": criteria.experience_years,
        "languages": list(criteria.languages) or None,
        "currency": criteria.currency,
    }
    if criteria.search is not None:
        return await _by_words(tx, criteria, filters)
    total = search.TOTAL
    if len(criteria.marks) <= 1:
        filters |= cells(filters, *criteria.marks or [""])
        total = search.TOTAL_BY_COUNTS
    return Statements(search.PAGES[criteria.sort], total, filters)


async def _by_words(tx: Tx, criteria: Criteria, filters: dict[str, Any]) -> Statements | None:
    terms = terms_of(criteria.search or "")
    if not terms:
        return None
    spellings = await spellings_of(tx, terms)
    total = search.TOTAL_BY_TERM if len(terms) == 1 else search.TOTAL_BY_WORDS_ALONE
    if criteria.narrows:
        total = search.TOTAL_BY_WORDS
    values = filters | {"words": query_of(spellings), "spellings": spellings[terms[0]]}
    return Statements(search.PAGES_BY_WORDS[criteria.sort], total, values, search.PAGES_BY_FEW_WORDS[criteria.sort])


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


async def spellings_of(tx: Tx, terms: list[str]) -> dict[str, list[str]]:
    """Term → the words that may be meant by it, itself first."""
    near = await _look_up(tx, search.VARIANTS, [term for term in terms if may_be_mistyped(term)])
    near += await _look_up(tx, search.CONTAINING, [term for term in terms if is_literal(term)])
    near += await _look_up(tx, search.BEGUN, [term for term in terms if is_beginning(term)])
    found = {term: {term: None} for term in terms}  # of each word one, in order
    for variant in near:
        found[variant.term][variant.word] = None
    return {term: list(words) for term, words in found.items()}


async def _look_up(tx: Tx, statement: LiteralString, terms: list[str]) -> list[Variant]:
    return await tx.all(Variant, statement, terms=terms) if terms else []


async def _count(tx: Tx, chosen: Statements, asked: dict[str, Any]) -> int:
    return int((await _planned(tx, scalar_row, chosen.total, asked))[0])


async def _planned(tx: Tx, row_factory: Any, statement: str, values: dict[str, Any]) -> list[Any]:
    """The rows of a statement that is planned anew for these values: how rare they are decides which index is best, so a
    plan made for any values (which a prepared statement would get) is often the wrong one."""
    async with tx.cursor(row_factory) as cursor:
        await cursor.execute(statement, values, prepare=False)
        return await cursor.fetchall()
