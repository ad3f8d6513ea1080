"""Puts the gateway together when the server starts, and takes it apart when it stops (the ASGI lifespan)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from gateway.access import AccessLog
from gateway.allowance import Allowance
from gateway.clients import Networks, TrustedProxies
from gateway.docs import Docs, Documents
from gateway.front import Front
from gateway.guard import Guard
from gateway.health import Health
from gateway.limits import Limiter
from gateway.limits.link import Address, Link
from gateway.limits.rate import Rate
from gateway.limits.window import SCRIPT
from gateway.outgoing import Cors
from gateway.own import Own
from gateway.postponed import Postponed
from gateway.routes import MIB, Class, Routes
from gateway.server.doors import Doors, open_wide
from gateway.server.edge import EdgeState, Patience
from gateway.settings import GatewaySettings
from gateway.sweeper import Sweeper
from gateway.tunnel import Tunnels
from gateway.upstream.pool import Pool
from shared import tracing
from shared.broker import Broker
from shared.lasting import background
from shared.revocations import Follower
from shared.tokens import TokenVerifier, keys_at

GATHERED_TOGETHER = 64 * MIB  # bytes of bodies that are awaited whole, beyond the first of each

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application:
    """What uvicorn is given. `drain` is called once the process has been told to stop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._tunnels: Tunnels
        self._own: Own

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Lifespan only: requests are answered by `EdgeProtocol` itself."""
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await self._start(stack, scope["state"])
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def drain(self) -> None:
        self._own.draining = True
        self._tunnels.close_all()

    async def _start(self, stack: AsyncExitStack, state: dict[str, Any]) -> None:
        settings = self._settings
        open_wide(settings.connections)
        sweeper, postponed = Sweeper(), Postponed()
        sweeper.start()
        stack.callback(sweeper.stop)

        def pool(name: str, url: str) -> Pool:
            made = Pool(name, url, sweeper, postponed, settings.answer_timeout)
            stack.callback(made.close)
            return made

        pools = {name: pool(name, url) for name, url in settings.services().items()}
        # Health has connections of its own: a service whose line of requests is long is busy, not ill.
        probes = {name: pool(f"{name} health", url) for name, url in settings.services().items()}
        link = Link(Address.parse(settings.redis_url), SCRIPT)
        await link.start()
        stack.push_async_callback(link.stop)
        verifier = await _verifier(stack, settings)
        access = AccessLog(enabled=settings.access_log)
        stack.callback(access.flush)
        self._tunnels = Tunnels(sweeper, idle=settings.websocket_idle, frame=settings.websocket_frame)
        routes = Routes()
        docs = Docs(Documents(pools, routes, settings.public_url), settings.public_url)
        self._own = Own(Health(probes), docs, Networks(settings.metrics_from))
        proxies = TrustedProxies(settings.trusted_proxies)
        front = _front(
            routes=routes,
            guard=Guard(verifier, Limiter(link), _rates(settings)),
            pools=pools,
            tunnels=self._tunnels,
            own=self._own,
            cors=Cors(settings.cors_origins),
            proxies=proxies,
            access=access,
            allowance=Allowance(GATHERED_TOGETHER),
        )
        patience = Patience(settings.head_timeout, settings.body_timeout, idle=settings.idle_timeout)
        doors = Doors(settings.connections, settings.connections_each, proxies)
        state["edge"] = EdgeState(sweeper, patience, postponed, doors, front.answer, front.refuse)


async def _verifier(stack: AsyncExitStack, settings: GatewaySettings) -> TokenVerifier:
    """Has its keys soon, and hears of what is revoked."""
    verifier = TokenVerifier(keys_at(settings.auth_url))
    preparing = asyncio.create_task(verifier.prepare())
    stack.callback(preparing.cancel)
    follower = Follower(verifier.revocations, Broker(settings.amqp_url, "gateway"), settings.redis_url)
    await stack.enter_async_context(background(follower.run()))
    return verifier


def _front(**parts: Any) -> Front:
    """What requests meet; one that notes spans when the process is traced, so that it costs the others nothing."""
    spans = tracing.spans()
    if spans is None:
        return Front(**parts)
    from gateway.traced import TracedFront  # brings the SDK with it

    return TracedFront(**parts).trace(spans)


def _rates(settings: GatewaySettings) -> dict[Class, Rate | None]:
    return {
        Class.REGISTER: Rate.parse(settings.rate_limit_register),
        Class.LOGIN: Rate.parse(settings.rate_limit_login),
        Class.DEFAULT: Rate.parse(settings.rate_limit_default),
        Class.UNLIMITED: None,
    }
