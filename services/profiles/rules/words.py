"""The words that search compares: without accents and case, symbols that mean something kept (`c++`, `c#`, `100%`), and the
vowel signs of scripts whose words are not words without them."""

import re
import unicodedata
from collections.abc import Mapping

LONGEST = 50  # letters of a word
MOST = 8  # words of a search
_SYMBOLS = "%+#_"
# Diacritics of Latin, Greek and Cyrillic, the points of Hebrew and Arabic that are mostly left out, joiners, and selectors of
# how a sign is drawn. What Unicode decomposes is without them then; `_LETTERS` are those that it does not.
_DIACRITICS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
)
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
    return any(symbol in term for symbol in _SYMBOLS)


def may_be_mistyped(term: str) -> bool:
    """Two letters hold no trigram: words like them would be looked for among all that there are."""
    return len(term) > 2 and not is_literal(term)


def is_beginning(term: str) -> bool:
    """Whether words that begin with the term are meant, too; a single letter is meant as it is."""
    return len(term) > 1


def is_short(term: str) -> bool:
    """Whether the term is hardly more than begun: who types it is still typing."""
    return len(term) in (2, 3) and not is_literal(term)


def query_of(spellings: Mapping[str, list[str]]) -> str:
    """A `tsquery`: every term, in any of its spellings. Words hold nothing that needs escaping."""
    return " & ".join("(" + " | ".join(f"'{word}'" for word in words) + ")" for words in spellings.values())


def _split(text: str) -> list[str]:
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFKD", text)).casefold().translate(_LETTERS)
    return [word[:LONGEST] for word in "".join(c if _is_of_a_word(c) else " " for c in plain).split()]


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() or character in _SYMBOLS or unicodedata.category(character) in ("Mn", "Mc")
