"""What several routers need of the application."""

from typing import Annotated

from fastapi import Depends, Request

from services.bookings.settings import BookingsSettings


async def _settings(request: Request) -> BookingsSettings:
    settings: BookingsSettings = request.app.state.settings
    return settings


Settings = Annotated[BookingsSettings, Depends(_settings)]
