"""Finding tutors."""

from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import Any, Literal

from psycopg.rows import scalar_row, tuple_row

from services.profiles.queries import search, words
from services.profiles.queries.search import ANY_SUBJECT, BEGINNING, WORD
from services.profiles.queries.tutors import CARDS, Card
from services.profiles.queries.words import Known, Spelling
from services.profiles.rules.words import is_beginning, is_literal, is_short, may_be_mistyped, query_of, terms_of
from shared.db import Tx
from shared.paging import Page

Sort = Literal["rating", "rate", "-rate", "experience"]
DEAR = 12  # what looking into twenty documents costs, in tutors whom the index of words finds and who are sorted
MIN_RATE, MOST_RATE, MOST_YEARS = 1, 1000, 1000
Values = dict[str, Any]


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
        return self.subject_id is not None or self.filters > 0

    @property
    def filters(self) -> int:
        """How many there are but for subject and words; the limits of a rate are one."""
        return self.has_rate + (self.experience_years is not None) + len(self.marks)

    @property
    def has_rate(self) -> bool:
        return self.min_rate is not None or self.max_rate is not None

    @property
    def marks(self) -> tuple[str, ...]:
        """What the catalogue keeps side by side: languages, and the currency."""
        return (*self.languages, self.currency) if self.currency else self.languages


@dataclass(frozen=True, slots=True)
class Chosen:
    """What finds one page of the tutors that meet some criteria and counts all of them, and its values."""

    statement: str
    values: Values
    is_prepared: bool = False
    """Whether one plan suits all values. Else it is planned anew: how rare these are decides which index is best, so a plan made
    for any is often the wrong one."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the tutors that meet some criteria, and how many there are in all. It is the same page as long as the stamp is
    the same, but for who is online and whose favorites they are."""

    cards: list[Card]
    total: int
    stamp: str


NOBODY = Found([], 0, "")


async def find(tx: Tx, criteria: Criteria, page: Page, viewer: int | None = None) -> Found:
    """As cards for this viewer."""
    before = None if criteria.search is None else await tx.value(search.STAMP)  # of words more is read than by one statement
    chosen = await choose(tx, criteria)
    if chosen is None:
        return NOBODY
    values = chosen.values | {"limit": page.limit, "offset": page.offset}
    async with tx.cursor(tuple_row) as cursor:
        await cursor.execute(chosen.statement, values, prepare=None if chosen.is_prepared else False)
        ids, total, stamp = (await cursor.fetchall())[0]
    cards = await tx.all(Card, CARDS, ids=ids, viewer=viewer) if ids else []
    return Found(cards, total, stamp if before is None else before)


async def choose(tx: Tx, criteria: Criteria) -> Chosen | None:
    """None where nothing can be found: what is searched for holds no word. Totals are read from the counts where they can
    tell, else what matches is counted."""
    filters: Values = {
        "subject_id": criteria.subject_id or ANY_SUBJECT,
        "min_rate": criteria.min_rate,
        "max_rate": criteria.max_rate,
        "experience_years": criteria.experience_years,
        "languages": list(criteria.languages) or None,
        "currency": criteria.currency,
    }
    if criteria.search is not None:
        return await _by_words(tx, criteria, filters)
    if len(criteria.marks) > 1 and criteria.has_rate and criteria.experience_years is not None:
        return Chosen(search.PAGES_ONE_BY_ONE[criteria.sort], filters)
    values = filters | cells(filters["subject_id"], "".join(criteria.marks[:1]), filters)
    if not criteria.filters:
        return Chosen(search.PAGES_OF_SUBJECT[criteria.sort], values, is_prepared=True)
    pages = search.PAGES if len(criteria.marks) <= 1 else search.PAGES_OF_LANGUAGES
    return Chosen(pages[criteria.sort], values)


async def _by_words(tx: Tx, criteria: Criteria, filters: Values) -> Chosen | None:
    terms = terms_of(criteria.search or "")
    if not terms:
        return None
    everybody = await tx.value(search.COUNTED, **cells(ANY_SUBJECT, ""))
    if len(terms) == 1 and is_short(terms[0]) and not criteria.narrows:
        beginning = cells(BEGINNING, terms[0])
        if found := await tx.value(search.COUNTED, **beginning):
            pages = search.PAGES_OF_FEW if are_few(found, everybody) else search.PAGES_OF_COUNTED
            return Chosen(pages[criteria.sort], filters | beginning | {"words": f"'{terms[0]}':*", "others": None})
    spellings = await spellings_of(tx, terms)
    values = filters | {"words": query_of(spellings)}
    known = await tx.all(Known, words.KNOWN, words=[word for spelled in spellings.values() for word in spelled])
    if are_few(_expected(spellings, known, everybody), everybody):
        return Chosen(search.PAGES_OF_FEW[criteria.sort], values)
    chosen = _by_commonest(criteria, values, known) if len(terms) == 1 else None
    return chosen or await _by_counting(tx, criteria, values, everybody)


def _expected(spellings: dict[str, list[str]], known: list[Known], everybody: int) -> float:
    """How many may have all of the terms, if none makes another more likely."""
    tutors = {word.word: word.tutors for word in known}
    shares = (sum(tutors.get(word, 0) for word in spelled) / max(everybody, 1) for spelled in spellings.values())
    return everybody * prod(min(share, 1) for share in shares)


def _by_commonest(criteria: Criteria, values: Values, known: list[Known]) -> Chosen | None:
    """Whoever has one of many words, where most are known to be those who have the commonest. None where counts cannot tell."""
    commonest, *others = known
    query = query_of({commonest.word: [word.word for word in others]}) if others else None
    values = values | {"commonest": commonest.word, "others": query and f"{query} & !'{commonest.word}'"}
    if not criteria.narrows:
        return Chosen(search.PAGES_OF_WORD[criteria.sort], values)
    if commonest.is_counted and criteria.subject_id is None and criteria.filters == 1:
        language = " ".join((commonest.word, *criteria.marks))
        return Chosen(search.PAGES_OF_COUNTED[criteria.sort], values | cells(WORD, language, values))
    return None


async def _by_counting(tx: Tx, criteria: Criteria, values: Values, everybody: int) -> Chosen:
    """Many may be found, but nothing says how many: they are counted before it is decided how to read the page."""
    async with tx.cursor(scalar_row) as cursor:
        await cursor.execute(search.FOUND, values, prepare=False)
        found = await cursor.fetchone()
    pages = search.PAGES_OF_FEW if are_few(found or 0, everybody) else search.PAGES_OF_MANY
    return Chosen(pages[criteria.sort], values | {"found": found})


def are_few(found: float, everybody: int) -> bool:
    """Whether to sort all whom words found is quicker than to go through the catalogue in its order until it met twenty of them:
    the one costs in proportion to them, the other to how many others there are for each of them."""
    return found * found <= DEAR * everybody


def cells(subject_id: int, language: str, filters: Values | None = None) -> Values:
    """Which counts to sum up: where a filter is not used, those for any value."""
    filters = filters or {}
    years, least, most = filters.get("experience_years"), filters.get("min_rate"), filters.get("max_rate")
    any_rate = least is None and most is None
    return {
        "cell": subject_id,
        "language": language,
        "least_years": -1 if years is None else years,
        "most_years": -1 if years is None else MOST_YEARS,
        "least_rate": 0 if any_rate else max(least or 0, MIN_RATE),
        "most_rate": 0 if any_rate else MOST_RATE if most is None else most,
    }


async def spellings_of(tx: Tx, terms: list[str]) -> dict[str, list[str]]:
    """Term → the words that may be meant by it, itself first."""
    near = await tx.all(
        Spelling,
        words.SPELLINGS,
        likely=[term for term in terms if may_be_mistyped(term)],
        literal=[term for term in terms if is_literal(term)],
        begun=[term for term in terms if is_beginning(term)],
    )
    found = {term: {term: None} for term in terms}  # of each word one, in order
    for spelling in near:
        found[spelling.term][spelling.word] = None
    return {term: list(spelled) for term, spelled in found.items()}
