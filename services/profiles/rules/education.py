"""Which degree of a tutor is shown on the card."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_RANKS = tuple(
    (rank, re.compile(rf"\b({names})\b", re.IGNORECASE))
    for rank, names in (
        (4, r"ph ?d|d ?phil|do[ck]tor\w*|dr|d ?sc|sc ?d|d ?eng|ed ?d|psy ?d|dba|md|dds|dvm|jd|lld"),
        (3, r"master\w*|magist\w*|ma|ms|m ?sc|m ?ed|m ?eng|m ?phil|m ?res|m ?tech|ll ?m|mba|mfa|mpa|mph"),
        (2, r"bachelor\w*|ba|bs|b ?sc|b ?ed|b ?eng|b ?tech|ll ?b|bba|bfa"),
        (1, r"associate\w*|diploma|certificate"),
    )
)


def headline_degree(education: Iterable[Mapping[str, Any]]) -> str | None:
    """The highest degree, the latest of several as high; None where there is none."""
    best = max(education, key=lambda entry: (_rank(entry["degree"]), entry.get("year") or 0), default=None)
    return str(best["degree"]) if best else None


def _rank(degree: str) -> int:
    """People write abbreviations with dots or without."""
    plain = degree.replace(".", "")
    return next((rank for rank, pattern in _RANKS if pattern.search(plain)), 0)
