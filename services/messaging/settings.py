"""What the messaging service is configured with, besides what every service is."""

from pydantic import Field

from shared.settings import ServiceSettings


class MessagingSettings(ServiceSettings):
    bookings_url: str = Field("http://127.0.0.1:8003", validation_alias="BOOKINGS_URL")
    data: str = Field(".data", validation_alias="EDUSTREAM_DATA")
    """Where attachments are kept when no `OBJECT_STORE_URL` is given."""
