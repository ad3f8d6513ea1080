"""What the profiles service is configured with, besides what every service is."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings


class ProfilesSettings(ServiceSettings):
    port: int = 8002
    data: str = Field(".data", validation_alias="EDUSTREAM_DATA")
    """Where photos are kept when no `OBJECT_STORE_URL` is given."""
    drawing_threads: int = Field(1, ge=1, le=16)
    """Uploaded photos are decoded on so many threads at once, each of which may take 260 MB for a moment."""

    @property
    def photos_url(self) -> str:
        """What photos are served below."""
        return f"{self.public_url}/api/tutors/photos"

    @property
    def objects_url(self) -> str:
        return self.object_store_url or f"file://{Path(self.data).resolve()}/objects"
