"""The rules, which need no server."""

import contextlib
import ipaddress
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.auth import rules
from services.auth.fields import normal_email, normal_phone
from services.auth.rules import Attempts, LastAdmin, NotYourself, TooManyFailures

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOCAL_PARTS = st.text(st.characters(codec="utf-8", categories=("L", "N"), include_characters=".+-_"), min_size=1, max_size=20)
DOMAINS = st.sampled_from(["example.com", "EXAMPLE.com", "mail.example.org", "müller.example.com", "Bücher.DE"])


def attempts(pair: int | None = None, anywhere: int | None = None, *, known: bool = False) -> Attempts:
    """Failures so many seconds ago."""
    pair_at, anywhere_at = (None if s is None else NOW - timedelta(seconds=s) for s in (pair, anywhere))
    return Attempts(pair_at, anywhere_at, known)


@pytest.mark.parametrize(
    ("found", "wait"),
    [
        (attempts(), None),
        (attempts(pair=900), None),
        (attempts(pair=899), 1),
        (attempts(pair=0), 900),
        (attempts(pair=0, known=True), 900),
        (attempts(anywhere=60), 840),
        (attempts(anywhere=60, known=True), None),
        (attempts(pair=300, anywhere=60), 840),
        (attempts(pair=300, anywhere=60, known=True), 600),
    ],
)
def test_when_a_password_is_looked_at(found: Attempts, wait: int | None) -> None:
    if wait is None:
        rules.may_try(found, NOW)
    else:
        with pytest.raises(TooManyFailures) as refusal:
            rules.may_try(found, NOW)
        assert refusal.value.headers["Retry-After"] == str(wait)


@given(st.floats(0, 1800), st.floats(0, 1800), st.booleans())
def test_a_lock_names_a_wait_that_is_neither_nothing_nor_longer_than_the_window(
    pair: float, anywhere: float, known: bool
) -> None:
    found = Attempts(NOW - timedelta(seconds=pair), NOW - timedelta(seconds=anywhere), known)
    waits = []
    try:
        rules.may_try(found, NOW)
    except TooManyFailures as refusal:
        waits.append(int(refusal.headers["Retry-After"]))

    assert all(1 <= wait <= 900 for wait in waits)


@given(st.ip_addresses())
def test_a_network_is_stable_and_contains_its_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    network = rules.network(str(address))

    assert network
    assert rules.network(network) == network
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        assert address in ipaddress.ip_network(f"{network}/64")


@given(st.text(max_size=30))
def test_whatever_stands_for_an_address_has_a_network(text: str) -> None:
    assert isinstance(rules.network(text), str)


def test_known_and_unknown_subjects_never_meet() -> None:
    assert rules.subject(1, "a@example.com") == rules.subject(1, "b@example.com")
    assert rules.subject(None, "A@example.com") == rules.subject(None, "a@example.com")
    assert rules.subject(None, "account:1") != rules.subject(1, "")


@pytest.mark.parametrize(
    ("actor", "target", "administrators", "refusal"),
    [(1, 2, {1, 2}, None), (1, 1, {1, 2}, NotYourself), (1, 1, {1}, NotYourself), (1, 2, {2}, LastAdmin), (1, 3, {1}, None)],
)
def test_who_may_take_whose_rights(actor: int, target: int, administrators: set[int], refusal: type[Exception] | None) -> None:
    if refusal is None:
        rules.may_lose_rights(actor, target, administrators)
    else:
        with pytest.raises(refusal):
            rules.may_lose_rights(actor, target, administrators)


@given(LOCAL_PARTS, DOMAINS)
def test_normalising_an_address_twice_changes_nothing_more(local: str, domain: str) -> None:
    try:
        once = normal_email(f" {local}@{domain} ")
    except ValueError:
        assume(False)

    assert normal_email(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once.rpartition("@")[2] == once.rpartition("@")[2].lower()
    assert once.isprintable()


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert "@" in normal_email(text)


@given(st.integers(10**6, 10**15).map(str), st.sampled_from(["", " ", "-", ".", " ("]))
def test_normalising_a_phone_number_is_stable_whatever_stands_between_its_digits(digits: str, separator: str) -> None:
    try:
        once = normal_phone("+" + digits)
    except ValueError:
        assume(False)

    assert normal_phone(once) == once
    assert once[0] == "+"
    assert once[1:].isascii()
    assert once[1:].isdigit()
    assert normal_phone(f"+{digits[:3]}{separator}{digits[3:]}") == once


@given(st.text(max_size=40))
def test_any_text_is_a_phone_number_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert normal_phone(text).startswith("+")
