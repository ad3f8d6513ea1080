"""The notifications service, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.notifications import comparison, conversations, queries
from services.notifications.consumers import subscriptions
from services.notifications.delivery import channels, sending
from services.notifications.delivery.sending import Sender
from services.notifications.hub import endpoint, presence
from services.notifications.hub.hub import Hub
from services.notifications.hub.presence import Presence
from services.notifications.hub.protocol import SocketProtocol
from services.notifications.hub.wire import Wire
from services.notifications.routes import router
from services.notifications.settings import NotificationsSettings
from shared.broker import Broker
from shared.db import forget_in_batches
from shared.lasting import background
from shared.service import Service
from shared.worker import Job, Runtime


@asynccontextmanager
async def setup(app: FastAPI) -> AsyncIterator[None]:
    settings: NotificationsSettings = app.state.settings
    channels.switch_on(settings)
    if not hasattr(app.state, "tokens"):  # a worker: it holds no sockets
        yield
        return
    hub = app.state.hub = Hub(app.state.database, app.state.tokens.revocations)
    here = app.state.presence = Presence(hub, app.state.database)
    wire = app.state.wire = Wire(hub, here, Broker(settings.amqp_url, "notifications"))
    try:
        async with background(wire.run()), background(here.run()), background(hub.sweep()):
            yield
    finally:
        await here.leave()


class Post:
    """The senders of this process, one for each channel; they remember how often they failed."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._senders: list[Sender] = []

    async def send_due(self, runtime: Runtime) -> None:
        if self._runtime is not runtime:
            assert isinstance(runtime.settings, NotificationsSettings)  # noqa: S101  declared below
            opened = channels.open_all(runtime.settings)
            self._senders = [Sender(name, channel, runtime.database) for name, channel in opened.items()]
            self._runtime = runtime  # last: what could not be opened is opened at the next run
        # One that fails neither breaks off the others nor leaves them at work beside the next run.
        ends = await asyncio.gather(*(sender.send_due() for sender in self._senders), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end


async def forget_live(runtime: Runtime) -> None:
    """Drop socket messages older than a day, and edits that no message can come after."""
    await forget_in_batches(runtime.database, queries.FORGET_LIVE)
    await forget_in_batches(runtime.database, queries.FORGET_EDITS)


service = Service(
    name="notifications",
    settings=NotificationsSettings,
    routers=(router, endpoint.router, comparison.router),
    subscriptions=subscriptions,
    jobs=(
        Job("send_letters", 1, Post().send_due),
        Job("tidy_letters", 60, lambda runtime: sending.tidy(runtime.database)),
        Job("tell_early_messages", 2, lambda runtime: conversations.tell_early(runtime.database)),
        Job("sweep_hubs", 5, lambda runtime: presence.sweep(runtime.database)),
        Job("forget_live_messages", 600, forget_live),
    ),
    setup=setup,
    commands={"resync": presence.resync},
    server={
        "ws": SocketProtocol,
        "ws_max_size": 16_384,  # bytes of a frame
        "ws_ping_interval": 30,
        "ws_ping_timeout": 20,
        "ws_per_message_deflate": False,  # costs more memory for each socket than all the rest
    },
)
