"""How often something may be done: `5/minute`, `100/hour`, or `off`."""

import re
from dataclasses import dataclass
from typing import NamedTuple

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
PATTERN = re.compile(rf"([1-9][0-9]{{0,5}})/({'|'.join(UNITS)})")


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests in any `seconds` on end."""

    limit: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """None when `text` is `off`. Raises ValueError."""
        text = text.strip().lower()
        if text == "off":
            return None
        if (match := PATTERN.fullmatch(text)) is None:
            raise ValueError("must be like 5/minute (per second, minute, hour or day) or off")
        return cls(int(match[1]), UNITS[match[2]])


class Verdict(NamedTuple):
    """Whether one request may pass, how many more may, and the seconds until there is room for one more than that."""

    allowed: bool
    remaining: int
    reset: float
