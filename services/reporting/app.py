"""The reporting service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.reporting.consumers import subscriptions
from services.reporting.integrity import copies
from services.reporting.integrity.peers import Peers
from services.reporting.jobs import JOBS
from services.reporting.rebuild import rebuild
from services.reporting.routes import router
from services.reporting.settings import ReportingSettings
from shared.service import Service


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: ReportingSettings = app.state.settings
    app.state.peers = Peers(settings.services, settings.internal_token)
    yield
    await app.state.peers.close()


service = Service(
    name="reporting",
    settings=ReportingSettings,
    routers=(router, copies.router),
    subscriptions=subscriptions,
    jobs=JOBS,
    setup=setup,
    commands={"rebuild": rebuild},
)
