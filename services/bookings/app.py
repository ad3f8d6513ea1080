"""The bookings service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.bookings import comparison
from services.bookings.consumers import subscriptions
from services.bookings.demo import demo
from services.bookings.jobs import JOBS
from services.bookings.owners import Owners
from services.bookings.resync import resync
from services.bookings.routes import internal, lessons, packages, reviews, slots
from services.bookings.settings import BookingsSettings
from shared.neighbours import Neighbour
from shared.service import Service


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: BookingsSettings = app.state.settings
    auth = Neighbour("auth", settings.auth_url, settings.internal_token)
    profiles = Neighbour("profiles", settings.profiles_url, settings.internal_token)
    app.state.owners = Owners(app.state.database, auth, profiles)
    yield
    await auth.close()
    await profiles.close()


service = Service(
    name="bookings",
    settings=BookingsSettings,
    routers=(
        lessons.router,
        lessons.deciding,
        slots.router,
        packages.router,
        reviews.router,
        internal.router,
        comparison.router,
    ),
    subscriptions=subscriptions,
    jobs=JOBS,
    setup=setup,
    commands={"resync": resync, "demo": demo},
)
