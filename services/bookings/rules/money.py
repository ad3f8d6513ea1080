"""Prices: exact, half-up, to the smallest unit the currency has."""

from decimal import ROUND_HALF_UP, Decimal

WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})


def unit(currency: str) -> Decimal:
    """The smallest amount of `currency` that can be paid."""
    return Decimal(1) if currency in WITHOUT_CENTS else Decimal("0.01")


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole units, with two decimals as all amounts are kept."""
    return amount.quantize(unit(currency), ROUND_HALF_UP).quantize(Decimal("0.01"))


def price(hourly_rate: Decimal, minutes: int, currency: str) -> Decimal:
    """What a lesson costs."""
    return rounded(hourly_rate * minutes / 60, currency)


def share(total: Decimal, part: int, whole: int, currency: str) -> Decimal:
    """`part` of `whole` credits' worth of `total`."""
    return rounded(total * part / whole, currency)
