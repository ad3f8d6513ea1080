"""Searching texts: the words of a query, as patterns of SQL and as marks in what was found."""

import html
import re

AROUND = 80  # characters of context on each side of the first match

_SPECIAL = re.compile(r"([\\%_])")


def words_of(query: str) -> list[str]:
    """The distinct words of a query, all of which a message must hold."""
    return list(dict.fromkeys(query.split()))


def pattern(word: str) -> str:
    """For (I)LIKE: `word` anywhere, its `%` and `_` plain characters."""
    plain = _SPECIAL.sub(r"\\\1", word)
    return f"%{plain}%"


def highlight(text: str, words: list[str]) -> str:
    """The part of `text` around its first match, as HTML with every match in `<mark>`; everything else is escaped."""
    matcher = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    first = matcher.search(text)
    start = max(first.start() - AROUND, 0) if first else 0
    end = min((first.end() if first else 0) + AROUND, len(text))
    part, marked, position = text[start:end], [], 0
    for match in matcher.finditer(part):
        marked.append(f"{html.escape(part[position : match.start()])}<mark>{html.escape(match.group())}</mark>")
        position = match.end()
    return f"{'…' if start else ''}{''.join(marked)}{html.escape(part[position:])}{'…' if end < len(text) else ''}"
