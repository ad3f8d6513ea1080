"""Which degree of a tutor is shown on the card."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_RANKS = (
    (4, re.compile(r"\b(ph\.?\s?d|doctor\w*|d\.?phil|ed\.?d)\b", re.IGNORECASE)),
    (3, re.compile(r"\b(master\w*|m\.?a|m\.?sc|m\.?ed|mba|m\.?eng|magist\w*)\b", re.IGNORECASE)),
    (2, re.compile(r"\b(bachelor\w*|b\.?a|b\.?sc|b\.?ed|b\.?eng)\b", re.IGNORECASE)),
    (1, re.compile(r"\b(associate\w*|diploma|certificate)\b", re.IGNORECASE)),
)


def headline_degree(education: Iterable[Mapping[str, Any]]) -> str | None:
    """The highest degree, the latest of several as high; None where there is none."""
    best = max(education, key=lambda entry: (_rank(entry["degree"]), entry.get("year") or 0), default=None)
    return str(best["degree"]) if best else None


def _rank(degree: str) -> int:
    return next((rank for rank, pattern in _RANKS if pattern.search(degree)), 0)
