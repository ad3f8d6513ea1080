"""Months, money and words of the dashboards, and the verdict on a replica's row: values in, values out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

MISSING, OUTDATED = "missing", "outdated"
UNKNOWN, AHEAD, ALTERED = "unknown to its owner", "ahead of its owner", "altered"
# What an event on its way looks like; a deletion's too, and (altered) that of what has no version of its own, as a block.
LATE = frozenset({MISSING, OUTDATED, UNKNOWN, ALTERED})
PROBLEMS = LATE | {AHEAD}
CENT = Decimal("0.01")

# kind of activity → what is told; {who} did it or is concerned, {other} is the other side.
SENTENCES = {
    "user_registered": "{who} joined",
    "tutor_submitted": "{who} submitted a tutor profile for approval",
    "tutor_approved": "{who} was approved as a tutor",
    "tutor_rejected": "{who}'s tutor profile was rejected",
    "booking_requested": "{who} requested a lesson with {other}",
    "booking_confirmed": "{other} confirmed a lesson with {who}",
    "booking_declined": "{other} declined a lesson with {who}",
    "booking_cancelled": "The lesson of {who} with {other} was cancelled",
    "booking_expired": "The request of {who} to {other} expired",
    "booking_rescheduled": "The lesson of {who} with {other} was moved",
    "booking_completed": "{who} completed a lesson with {other}",
    "booking_missed": "The lesson of {who} with {other} was missed",
    "package_purchased": "{who} bought a package of {other}",
    "review_received": "{who} reviewed {other}",
}


def months_until(now: datetime, count: int) -> list[date]:
    """The first days of the last `count` UTC months, the present one last."""
    today = now.astimezone(UTC)
    this = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(max(this - count + 1, 12), this + 1)]


def converted(amounts: Mapping[str, Decimal], rates: Mapping[str, Decimal], platform_currency: str) -> Decimal:
    """The sum of amounts by currency, in the platform's, half-up to the cent. A currency without a rate adds nothing: it is to be
    seen in the list by currency, not guessed."""
    known = {**rates, platform_currency: Decimal(1)}
    exact = sum((amount * known[currency] for currency, amount in amounts.items() if currency in known), Decimal(0))
    return exact.quantize(CENT, ROUND_HALF_UP)


def without_rate(currencies: Iterable[str], rates: Mapping[str, Decimal], platform_currency: str) -> list[str]:
    """What `converted` leaves out."""
    return sorted(currency for currency in currencies if currency not in rates and currency != platform_currency)


def no_show_rate(by_status: Mapping[str, int]) -> float:
    """The share of all lessons that somebody did not come to."""
    missed = sum(count for status, count in by_status.items() if status.startswith("NO_SHOW"))
    return share(missed, sum(by_status.values()))


def share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def total(by_key: Mapping[str, int], keys: Iterable[str]) -> int:
    return sum(by_key.get(key, 0) for key in keys)


def sentence(kind: str, who: str | None, other: str | None) -> str:
    """An activity in words."""
    told = SENTENCES.get(kind, kind.replace("_", " ")).format(who=who or "somebody", other=other or "somebody")
    return told[0].upper() + told[1:]


def problem(owner: tuple[int, str] | None, replica: tuple[int, str] | None, expected: int | None) -> str | None:
    """What is wrong with a replica's row; both are (version, checksum), None where there is none.

    `expected` is the version that the owner had some time ago: a replica that came so far follows, whatever happened since."""
    if owner is None:
        return UNKNOWN if replica else None
    if replica is None:
        return MISSING if expected is not None else None
    if replica[0] < owner[0]:
        return OUTDATED if expected is not None and replica[0] < expected else None
    if replica[0] > owner[0]:
        return AHEAD
    return ALTERED if replica != owner else None
