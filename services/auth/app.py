"""The auth service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.auth import actions, queries
from services.auth.consumers import subscriptions
from services.auth.keys import SigningKey
from services.auth.passwords import Passwords
from services.auth.routes import internal, router
from services.auth.settings import AuthSettings
from shared.service import Service
from shared.worker import Runtime


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: AuthSettings = app.state.settings
    app.state.signing_key = SigningKey(settings.jwt_private_key)
    app.state.passwords = Passwords(settings.hashing_threads)
    yield
    app.state.passwords.close()


async def first_admin(runtime: Runtime) -> None:
    """Create the first administrator from the environment, once: when there is none."""
    settings = runtime.settings
    assert isinstance(settings, AuthSettings)  # noqa: S101  declared below
    if not settings.admin_email:
        return
    password_hash = await Passwords(1).hash(settings.admin_password)
    async with runtime.database.transaction() as tx:
        if not await tx.value(queries.ANY_ADMIN):
            await actions.register(
                tx,
                f"{settings.public_url}/api/avatars",
                email=settings.admin_email,
                password_hash=password_hash,
                role="admin",
                first_name="First",
                last_name="Administrator",
                timezone="UTC",
                currency="USD",
                is_verified=True,
            )


service = Service(
    name="auth",
    settings=AuthSettings,
    routers=(router, internal),
    subscriptions=subscriptions,
    setup=setup,
    prepare=first_admin,
)
