"""The messaging service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.messaging import comparison
from services.messaging.attachments import remove_doomed, storage_of
from services.messaging.consumers import subscriptions
from services.messaging.replicas import Owners
from services.messaging.resync import resync
from services.messaging.routes import router, uploads
from services.messaging.settings import MessagingSettings
from shared.neighbours import Neighbour
from shared.service import Service
from shared.worker import Job


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: MessagingSettings = app.state.settings
    token = settings.internal_token
    owners = Owners(Neighbour("auth", settings.auth_url, token), Neighbour("bookings", settings.bookings_url, token))
    app.state.owners = owners
    app.state.attachments = storage_of(settings)
    yield
    await owners.auth.close()
    await owners.bookings.close()


service = Service(
    name="messaging",
    settings=MessagingSettings,
    routers=(router, uploads, comparison.router),
    subscriptions=subscriptions,
    jobs=(Job("remove_doomed_files", 30, remove_doomed),),
    setup=setup,
    commands={"resync": resync},
)
