"""Reference lists from kept libraries: countries (ISO 3166), languages (ISO 639-1, CLDR names), phone codes (libphonenumber)."""

import unicodedata
from functools import cache

import phonenumbers
import pycountry
from babel import Locale
from babel.numbers import get_currency_precision

PROFICIENCY_LEVELS = ("Beginner", "Intermediate", "Advanced", "Native")
CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "UAH", "PLN", "INR")
_ENGLISH = Locale("en")


def load() -> None:
    """Read everything now: it takes a second, which the first request should not wait for."""
    for read in (_codes_by_name, languages, countries, phone_codes):
        read()


def has_cents(currency: str) -> bool:
    """Whether amounts of the currency may have a fraction (not in yen)."""
    return get_currency_precision(currency) > 0


@cache
def languages() -> dict[str, str]:
    """ISO 639-1 code → English name, by name."""
    codes: list[str] = [language.alpha_2 for language in pycountry.languages if hasattr(language, "alpha_2")]
    named = {code: str(_ENGLISH.languages.get(code) or pycountry.languages.lookup(code).name) for code in codes}
    return dict(sorted(named.items(), key=_by_name))


def language_code(text: str) -> str:
    """The code of a language given as its code or English name. Raises `ValueError`."""
    code = _codes_by_name().get(text.strip().casefold())
    if code is None:
        raise ValueError(f"{text!r} is not a language: send an ISO 639-1 code such as en")
    return code


@cache
def countries() -> dict[str, str]:
    """ISO 3166-1 code → English name, by name."""
    named = {country.alpha_2: _country_name(country.alpha_2) for country in pycountry.countries}
    return dict(sorted(named.items(), key=_by_name))


@cache
def phone_codes() -> list[tuple[str, str]]:
    """Country name and calling code, by name."""
    regions = phonenumbers.SUPPORTED_REGIONS
    pairs = ((f"+{phonenumbers.country_code_for_region(region)}", _country_name(region)) for region in regions)
    return [(name, code) for code, name in sorted(pairs, key=_by_name)]


@cache
def _codes_by_name() -> dict[str, str]:
    found = {code: code for code in languages()}
    for language in pycountry.languages:
        if hasattr(language, "alpha_2"):
            found.setdefault(language.name.casefold(), language.alpha_2)
            found.setdefault(language.alpha_3, language.alpha_2)
    return found | {name.casefold(): code for code, name in languages().items()}


def _country_name(code: str) -> str:
    return str(_ENGLISH.territories.get(code) or pycountry.countries.lookup(code).name)


def _by_name(item: tuple[str, str]) -> str:
    """Åland beside Albania, not after Zimbabwe."""
    plain = unicodedata.normalize("NFKD", item[1])
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()
