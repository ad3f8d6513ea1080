"""The words that search compares: without accents and case, symbols that mean something kept (`c++`, `c#`, `100%`)."""

import re
import unicodedata
from collections.abc import Mapping

LONGEST = 50  # letters of a word
MOST = 8  # words of a search
_WORD = re.compile(r"[\w%+#]+")
_SYMBOL = re.compile(r"[%+#_]")
_SMALL = frozenset({"a", "an", "and", "at", "for", "in", "of", "on", "or", "the", "to", "with"})


def words_of(*texts: str | None) -> list[str]:
    """Every different word of the texts, sorted."""
    return sorted({word for text in texts if text for word in _split(text)})


def terms_of(search: str) -> list[str]:
    """The words to look for; articles and the like only where there is nothing else."""
    found = list(dict.fromkeys(_split(search)))
    return ([word for word in found if word not in _SMALL] or found)[:MOST]


def is_literal(term: str) -> bool:
    """Whether the term holds a symbol: it is meant as it is written, then, not perhaps mistyped (`c++` is not `c`)."""
    return _SYMBOL.search(term) is not None


def query_of(terms: list[str], variants: Mapping[str, list[str]]) -> str:
    """A `tsquery`: every term, as the beginning of a word or as one of its variants. Words hold nothing that needs escaping."""
    beginnings = {term: f"'{term}':*" if prefix_of(term) else f"'{term}'" for term in terms}
    return " & ".join("(" + " | ".join([beginnings[term], *(f"'{v}'" for v in variants.get(term, []))]) + ")" for term in terms)


def prefix_of(term: str) -> str | None:
    """What the words meant may begin with; a single letter is meant as it is."""
    return term if len(term) > 1 else None


def _split(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    return [word[:LONGEST] for word in _WORD.findall(plain)]
