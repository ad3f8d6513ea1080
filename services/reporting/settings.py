"""What the reporting service is configured with, besides what every service is."""

from decimal import Decimal
from typing import Self

from pydantic import Field, field_validator, model_validator

from shared.settings import ServiceSettings

# Units of US dollar for one unit; a rough standing table, which the operator's own goes before.
RATES = {
    "USD": Decimal(1),
    "EUR": Decimal("1.08"),
    "GBP": Decimal("1.27"),
    "CAD": Decimal("0.73"),
    "AUD": Decimal("0.66"),
    "JPY": Decimal("0.0067"),
    "CHF": Decimal("1.12"),
    "UAH": Decimal("0.024"),
    "PLN": Decimal("0.25"),
    "INR": Decimal("0.012"),
}


class ReportingSettings(ServiceSettings):
    port: int = 8006
    platform_currency: str = Field("USD", pattern="^[A-Z]{3}$")
    """The currency that dashboards sum up in."""
    exchange_rates: dict[str, Decimal] = Field(default_factory=dict)
    """Units of the platform currency for one unit of each other (`REPORTING_EXCHANGE_RATES`, JSON). Where none is given that of
    the standing table stands, if it knows both currencies."""
    profiles_url: str = Field("http://127.0.0.1:8002", validation_alias="PROFILES_URL")
    bookings_url: str = Field("http://127.0.0.1:8003", validation_alias="BOOKINGS_URL")
    messaging_url: str = Field("http://127.0.0.1:8004", validation_alias="MESSAGING_URL")
    notifications_url: str = Field("http://127.0.0.1:8005", validation_alias="NOTIFICATIONS_URL")
    reporting_url: str = Field("http://127.0.0.1:8006", validation_alias="REPORTING_URL")

    @field_validator("exchange_rates")
    @classmethod
    def _positive(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        if any(rate <= 0 for rate in rates.values()):
            raise ValueError("rates must be positive")
        return rates

    @model_validator(mode="after")
    def _fill_rates(self) -> Self:
        self.exchange_rates = _standing_rates(self.platform_currency) | self.exchange_rates
        return self

    @property
    def services(self) -> dict[str, str]:
        """Where each service answers."""
        return {
            "auth": self.auth_url,
            "profiles": self.profiles_url,
            "bookings": self.bookings_url,
            "messaging": self.messaging_url,
            "notifications": self.notifications_url,
            "reporting": self.reporting_url,
        }


def _standing_rates(platform_currency: str) -> dict[str, Decimal]:
    """Units of the platform currency for one unit; of a currency that the table does not know nothing is known."""
    if platform_currency not in RATES:
        return {}
    return {currency: rate / RATES[platform_currency] for currency, rate in RATES.items()}
