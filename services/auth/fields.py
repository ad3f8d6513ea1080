"""Field types of accounts: e-mail address, password, phone number, currency."""

import re
import unicodedata
from typing import Annotated

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidatorFunctionWrapHandler, WrapValidator

from shared.types import SHRINKS_BY

CURRENCIES = {
    "USD": ("$", "US Dollar"),
    "EUR": ("€", "Euro"),
    "GBP": ("£", "British Pound"),
    "CAD": ("CA$", "Canadian Dollar"),
    "AUD": ("A$", "Australian Dollar"),
    "JPY": ("¥", "Japanese Yen"),
    "CHF": ("CHF", "Swiss Franc"),
    "UAH": ("₴", "Ukrainian Hryvnia"),
    "PLN": ("zł", "Polish Zloty"),
    "INR": ("₹", "Indian Rupee"),
}
LONGEST_PASSWORD = 128
_PHONE = re.compile(r"\+[0-9 ()./-]{6,40}", re.ASCII)


def normal_email(value: str) -> str:
    """The address with NFC local part and lower-case domain. Raises `ValueError`. Case of the local part is kept: the database
    compares without it."""
    try:
        # .test is reserved for what its name says, and nobody can be reached there: harmless, and handy on staging systems.
        return validate_email(value.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error


def normal_phone(value: str) -> str:
    """E.164. Numbers of the right shape pass even where no operator uses their range: ranges change faster than libraries."""
    value = value.strip()
    if not _PHONE.fullmatch(value):
        raise ValueError("must be an international number such as +380441234567")
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError("must begin with + and a country's calling code") from error
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not 8 <= len(written) <= 16:
        raise ValueError("must have 7 to 15 digits")
    return written if written == value else normal_phone(written)  # a trunk prefix was dropped: is there another?


def not_the_address(password: str, email: str) -> str:
    """The password. Raises `ValueError` where it is the e-mail address itself."""
    if password.casefold() == email.casefold():
        raise ValueError("must not be the e-mail address")
    return password


def composed(password: str) -> str:
    """A password as one keyboard writes it and as another does (NFC); not trimmed: spaces are part of it."""
    return unicodedata.normalize("NFC", password)


def _composed(value: object) -> object:
    """A longer one passes as it is, to be refused for its length: to put its marks into order may take minutes."""
    return composed(value) if isinstance(value, str) and len(value) <= SHRINKS_BY * LONGEST_PASSWORD else value


def _as_given(value: object, check: ValidatorFunctionWrapHandler) -> object:
    """The text itself, if it is fit to be a password when composed."""
    check(_composed(value))
    return value


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"must be one of {', '.join(CURRENCIES)}")
    return code


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(normal_email), StringConstraints(max_length=254)]
Password = Annotated[str, StringConstraints(min_length=8, max_length=LONGEST_PASSWORD), BeforeValidator(_composed)]
GivenPassword = Annotated[str, StringConstraints(max_length=LONGEST_PASSWORD), WrapValidator(_as_given)]
"""One to be compared: what may be chosen is no concern of it. As it was typed, because those set first were kept so."""
Phone = Annotated[str, StringConstraints(max_length=64), AfterValidator(normal_phone)]
Currency = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_known_currency)]
