"""What may be charged is what accounts may choose, and what reports can convert."""

from services.auth.fields import CURRENCIES
from services.profiles import reference
from services.reporting.settings import RATES


def test_every_service_knows_the_same_currencies() -> None:
    assert sorted(reference.CURRENCIES) == sorted(CURRENCIES) == sorted(RATES)
