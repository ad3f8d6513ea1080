"""Hubs as real servers, a worker, and other services' events through a real broker."""

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import aio_pika
import uvicorn
import websockets
from fastapi import FastAPI

from shared.broker import Publisher
from shared.events.base import Event
from shared.service import build, find
from shared.tokens import TokenVerifier
from tests.harness import SIGNING_KEY, settings_of, token
from tests.waiting import eventually

SERVICE = find("notifications")


class Device:
    """A live connection that remembers what it was told."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self, within: float = 20) -> dict[str, Any]:
        async with asyncio.timeout(within):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        self.told.append(message)
        return message

    async def hears(self, kind: str, within: float = 20, **fields: Any) -> dict[str, Any]:
        """The first message of this type with these fields, told before or still to come."""

        def found() -> dict[str, Any] | None:
            return next((m for m in self.told if m["type"] == kind and fields.items() <= m.items()), None)

        while (message := found()) is None:
            await self.next(within)
        return message

    async def ping(self) -> dict[str, Any]:
        """Waits for the answer: everything told before has arrived then."""
        await self.send({"type": "ping"})
        while (message := await self.next())["type"] != "pong":
            pass
        return message

    async def closed(self, within: float = 20) -> tuple[int, str]:
        """The code and reason of the close that comes."""
        async with asyncio.timeout(within):
            with suppress(websockets.ConnectionClosed):
                while True:
                    await self.next(within)
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.told]


class Hub:
    """One process's worth of hub."""

    def __init__(self, app: FastAPI, port: int, server: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
        self.app = app
        self.port = port
        self.server, self.serving = server, serving

    @asynccontextmanager
    async def device(self, user_id: int, query: str | None = None, **options: Any) -> AsyncIterator[Device]:
        """A device of this person, signed in unless `query` says otherwise."""
        query = f"?token={token(user_id)}" if query is None else query
        url = f"ws://127.0.0.1:{self.port}/ws/{user_id}{query}"
        async with websockets.connect(url, proxy=None, compression=None, **options) as connection:
            yield Device(connection)


class Stage:
    """Starts what a test asks for and stops it afterwards. Events are published as their services would."""

    def __init__(self, values: dict[str, Any], stack: AsyncExitStack) -> None:
        self.values = values
        self._stack = stack
        self._publisher: Publisher | None = None

    async def hub(self, **values: Any) -> Hub:
        return await self._stack.enter_async_context(hub_of(**self.values | values))

    async def worker(self, **values: Any) -> FastAPI:
        app = build(SERVICE, settings_of(SERVICE, **self.values | values), api=False, worker=True)
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        await eventually(self._is_consumed, 30)
        return app

    async def _is_consumed(self) -> bool:
        """Whether a worker listens to the service's queue, so that nothing published from now on is lost."""
        async with await aio_pika.connect(self.values["amqp_url"]) as connection:
            try:
                queue = await (await connection.channel()).declare_queue("edustream.notifications", passive=True)
            except aio_pika.exceptions.ChannelClosed:
                return False
            return bool(queue.declaration_result.consumer_count)

    async def publish(self, *events: Event) -> None:
        if self._publisher is None:
            connection = await self._stack.enter_async_context(await aio_pika.connect(self.values["amqp_url"]))
            self._publisher = await Publisher.on(connection)
        for event in events:
            await self._publisher.send(event.event_id, event.exchange, event.type, event.to_json())


@asynccontextmanager
async def hub_of(**values: Any) -> AsyncIterator[Hub]:
    """A hub on a real port, as `python -m services.notifications api` is one."""
    app = build(SERVICE, settings_of(SERVICE, **values))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2, **SERVICE.server))
    with sockets.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await _until(lambda: server.started or serving.done())
        app.state.tokens = TokenVerifier(_own_keys, app.state.tokens.revocations)
        await _until(lambda: app.state.wire.is_connected)
        yield Hub(app, listening.getsockname()[1], server, serving)
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are pytest's."""
        yield


async def _own_keys() -> dict[str, Any]:
    return {"keys": [SIGNING_KEY.jwk]}


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  nothing to wait on
            await asyncio.sleep(0.01)
