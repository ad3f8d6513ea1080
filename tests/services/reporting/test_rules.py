"""Months, money, words and verdicts."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting import rules
from services.reporting.settings import ReportingSettings
from shared.service import find
from tests.harness import settings_of

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def test_months_end_with_the_present_one_and_cross_years() -> None:
    assert [m.isoformat() for m in rules.months_until(NOW, 3)] == ["2025-11-01", "2025-12-01", "2026-01-01"]


def test_the_present_month_is_that_of_utc() -> None:
    kyiv = timezone(timedelta(hours=2))

    assert rules.months_until(datetime(2026, 2, 1, 1, tzinfo=kyiv), 1)[0].isoformat() == "2026-01-01"


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)), st.integers(1, 60))
def test_there_are_as_many_months_as_asked_for_without_gaps(on: date, count: int) -> None:
    months = rules.months_until(datetime(on.year, on.month, on.day, tzinfo=UTC), count)

    numbers = [m.year * 12 + m.month for m in months]
    assert numbers == list(range(numbers[0], numbers[0] + count))


RATES = {"EUR": Decimal("1.08"), "JPY": Decimal("0.0067")}


def test_amounts_are_converted_exactly_and_rounded_once() -> None:
    amounts = {"EUR": Decimal("10.01"), "JPY": Decimal(100), "USD": Decimal("1.00")}

    assert rules.converted(amounts, RATES, "USD") == Decimal("12.48")  # 10.8108 + 0.67 + 1


def test_half_a_cent_goes_up() -> None:
    assert rules.converted({"EUR": Decimal("0.125")}, {"EUR": Decimal(1)}, "USD") == Decimal("0.13")


def test_a_currency_without_rate_adds_nothing_and_the_platform_s_own_needs_none() -> None:
    assert rules.converted({"XAF": Decimal(1000), "CHF": Decimal(5)}, {}, "CHF") == Decimal("5.00")


def test_what_has_no_rate_is_named() -> None:
    assert rules.without_rate(["XAF", "EUR", "USD", "ALL"], RATES, "USD") == ["ALL", "XAF"]


UNUSED = {"database_url": "postgresql://unused", "amqp_url": "amqp://unused", "redis_url": "redis://unused"}


def rates(**values: Any) -> dict[str, Decimal]:
    settings = settings_of(find("reporting"), **UNUSED, **values)
    assert isinstance(settings, ReportingSettings)
    return settings.exchange_rates


def test_the_standing_rates_are_of_the_platform_s_own_currency() -> None:
    assert rates()["EUR"] == Decimal("1.08")
    euros = rates(platform_currency="EUR")
    assert euros["EUR"] == 1
    assert round(euros["USD"], 4) == Decimal("0.9259")
    assert round(euros["GBP"], 4) == Decimal("1.1759")


def test_a_rate_that_was_given_goes_before_the_standing_one() -> None:
    given_one = rates(exchange_rates={"EUR": "1.20", "XAF": "0.0018"})

    assert (given_one["EUR"], given_one["XAF"], given_one["GBP"]) == (Decimal("1.20"), Decimal("0.0018"), Decimal("1.27"))


def test_of_a_currency_that_nobody_knows_no_rate_is_made_up() -> None:
    assert rates(platform_currency="XAF") == {}


@given(st.dictionaries(st.sampled_from(["EUR", "JPY", "USD"]), st.decimals(-(10**6), 10**6, places=2)))
def test_in_one_currency_the_sum_stays_what_it_is(amounts: dict[str, Decimal]) -> None:
    ones = dict.fromkeys(amounts, Decimal(1))

    assert rules.converted(amounts, ones, "USD") == sum(amounts.values())


def test_the_no_show_rate_is_a_share_of_all_lessons() -> None:
    assert rules.no_show_rate({"COMPLETED": 90, "NO_SHOW_STUDENT": 3, "NO_SHOW_TUTOR": 1, "CANCELLED": 6}) == 0.04
    assert rules.no_show_rate({}) == 0


@pytest.mark.parametrize("kind", rules.SENTENCES)
def test_every_activity_is_a_sentence_also_without_names(kind: str) -> None:
    told = rules.sentence(kind, None, None)

    assert told[0].isupper()
    assert "{" not in told
    assert "None" not in told


def test_names_are_told_as_they_are_also_with_braces() -> None:
    assert rules.sentence("user_registered", "{other} O'Neil", None) == "{other} O'Neil joined"


@pytest.mark.parametrize(
    ("owner", "replica", "expected", "problem"),
    [
        ((3, "a"), (3, "a"), 3, None),
        ((3, "a"), (3, "b"), 3, rules.ALTERED),
        ((3, "a"), None, 3, rules.MISSING),
        ((1, "a"), None, None, None),  # made since
        ((5, "a"), (3, "b"), 3, None),  # has come as far as was known, and follows
        ((5, "a"), (2, "b"), 3, rules.OUTDATED),
        ((5, "a"), (2, "b"), None, None),
        ((3, "a"), (4, "b"), 3, rules.AHEAD),
        (None, (1, "a"), None, rules.UNKNOWN),
        (None, None, 3, None),
    ],
)
def test_the_verdict_on_a_replica_s_row(
    owner: tuple[int, str] | None, replica: tuple[int, str] | None, expected: int | None, problem: str | None
) -> None:
    assert rules.problem(owner, replica, expected) == problem
