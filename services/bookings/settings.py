"""What the bookings service is configured with, besides what every service is."""

from typing import Literal

from pydantic import Field

from shared.settings import ServiceSettings


class BookingsSettings(ServiceSettings):
    profiles_url: str = Field("http://127.0.0.1:8002", validation_alias="PROFILES_URL")
    meeting_url: str = Field("https://meet.jit.si/edustream-{room}", pattern=r"^https?://.*\{room\}")
    """Where an online lesson is held; `{room}` is replaced by the lesson's unguessable room name."""
    payment_provider: Literal["manual"] = "manual"
