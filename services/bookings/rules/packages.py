"""What a tutor may offer as a package."""

from decimal import Decimal

from services.bookings.rules.money import rounded, unit
from shared.errors import Invalid


class PriceTooFine(Invalid):
    """The currency has no such small change."""


def check_price(price: Decimal, currency: str) -> None:
    if rounded(price, currency) != price:
        raise PriceTooFine(f"A price in {currency} is a multiple of {unit(currency)}.")


def price_per_session(price: Decimal, session_count: int, currency: str) -> Decimal:
    return rounded(price / session_count, currency)
