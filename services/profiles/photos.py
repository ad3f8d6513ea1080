"""Where photos of tutors are kept."""

from services.profiles.settings import ProfilesSettings
from shared.settings import ServiceSettings
from shared.storage import Storage


def storage(settings: ServiceSettings) -> Storage:
    assert isinstance(settings, ProfilesSettings)  # noqa: S101  declared in app
    return Storage(settings.objects_url, "photos")
