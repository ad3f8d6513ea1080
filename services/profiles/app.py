"""The profiles service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.profiles import integrity, jobs, photos, reference
from services.profiles.actions.kept import KeptPages
from services.profiles.consumers import subscriptions
from services.profiles.routes import routers
from services.profiles.settings import ProfilesSettings
from shared.neighbours import Neighbour
from shared.service import Service
from shared.threads import Threads


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: ProfilesSettings = app.state.settings
    reference.load()
    app.state.auth = Neighbour("auth", settings.auth_url, settings.internal_token)
    app.state.storage = photos.open_storage(settings)
    app.state.pages = KeptPages()
    app.state.drawing = Threads("pillow", settings.drawing_threads, waiting=20)
    yield
    app.state.drawing.close()
    await app.state.auth.close()


service = Service(
    name="profiles",
    settings=ProfilesSettings,
    routers=(*routers, integrity.router),
    subscriptions=subscriptions,
    jobs=jobs.JOBS,
    setup=setup,
    prepare=jobs.seed_subjects,
    commands={"resync": jobs.resync},
)
