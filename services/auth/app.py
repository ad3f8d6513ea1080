"""The auth service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from services.auth import commands
from services.auth.consumers import revocation_set, subscriptions
from services.auth.jobs import JOBS
from services.auth.keyring import Keyring
from services.auth.passwords import Passwords
from services.auth.routes import routers
from services.auth.routes.internal import snapshots
from services.auth.settings import AuthSettings
from shared.service import Service
from shared.storage import Storage
from shared.threads import Threads
from shared.tokens import TokenVerifier


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: AuthSettings = app.state.settings
    keyring = app.state.keyring = Keyring(settings.jwt_private_key)
    app.state.passwords = Passwords(settings.hashing_threads)
    app.state.drawing = Threads("pillow", settings.drawing_threads, waiting=50)
    app.state.storage = Storage(settings.objects_url, "avatars")
    snapshots.avatars = settings.avatars_url

    async def own_keys() -> dict[str, Any]:
        await keyring.look(app.state.database)
        return keyring.document(datetime.now(UTC))

    if hasattr(app.state, "tokens"):  # not in a worker; auth need not ask itself over HTTP
        app.state.tokens = TokenVerifier(own_keys, app.state.tokens.revocations)
    async with revocation_set.opened(settings.redis_url):
        yield
    app.state.passwords.close()
    app.state.drawing.close()


service = Service(
    name="auth",
    settings=AuthSettings,
    routers=routers,
    subscriptions=subscriptions,
    jobs=JOBS,
    setup=setup,
    prepare=commands.first_admin,
    commands={"rotate-key": commands.rotate_key, "replace-key": commands.replace_key, "resync": commands.resync},
)
