"""Prices: exact, half-up, in whole units of the currency."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bookings.rules.money import price, share, unit

CURRENCIES = ["USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "UAH", "PLN", "INR"]
rates = st.integers(100, 100_000).map(lambda cents: Decimal(cents) / 100)


@pytest.mark.parametrize(
    ("rate", "minutes", "currency", "expected"),
    [
        ("45.00", 60, "USD", "45.00"),
        ("45.00", 90, "USD", "67.50"),
        ("33.33", 15, "USD", "8.33"),
        ("0.02", 15, "USD", "0.01"),
        ("33.34", 45, "EUR", "25.01"),
        ("2500", 15, "JPY", "625.00"),
        ("2500", 45, "JPY", "1875.00"),
        ("1001", 30, "JPY", "501.00"),
    ],
)
def test_prices_by_hand(rate: str, minutes: int, currency: str, expected: str) -> None:
    assert str(price(Decimal(rate), minutes, currency)) == expected


@given(rates, st.integers(1, 32).map(lambda n: 15 * n), st.sampled_from(CURRENCIES))
def test_a_price_is_within_half_a_unit_of_the_exact_one_and_payable(rate: Decimal, minutes: int, currency: str) -> None:
    found, exact = price(rate, minutes, currency), Fraction(rate) * minutes / 60

    assert abs(Fraction(found) - exact) <= Fraction(unit(currency)) / 2
    assert found % unit(currency) == 0
    if abs(Fraction(found) - exact) == Fraction(unit(currency)) / 2:
        assert Fraction(found) > exact


@given(rates, st.integers(1, 100), st.sampled_from(CURRENCIES))
def test_all_credits_are_worth_the_whole_price(total: Decimal, sessions: int, currency: str) -> None:
    payable = price(total, 60, currency)

    assert share(payable, sessions, sessions, currency) == payable
