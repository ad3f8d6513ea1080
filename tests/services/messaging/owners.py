"""A stand-in for the services that own accounts and bookings, on a real port, answering as their contract says."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Response

from shared.events.auth import UserSnapshot
from shared.events.base import Data
from shared.events.bookings import BookingSnapshot
from shared.neighbours import Internal


class Owners:
    """What the owners know; `asked` lists the paths they were asked for."""

    def __init__(self, internal_token: str) -> None:
        self.known: dict[str, Data] = {}
        self.asked: list[str] = []
        self.is_down = False
        self.url = ""
        self.app = FastAPI(dependencies=[Internal])
        self.app.state.settings = self
        self.internal_token = internal_token
        self.app.get("/internal/{kind}/{id_}")(self._answer)

    def knows(self, *snapshots: UserSnapshot | BookingSnapshot) -> None:
        for snapshot in snapshots:
            if isinstance(snapshot, UserSnapshot):
                self.known[f"users/{snapshot.user_id}"] = snapshot
            else:
                self.known[f"bookings/{snapshot.booking_id}"] = snapshot

    def forget(self) -> None:
        self.known.clear()
        self.asked.clear()
        self.is_down = False

    async def _answer(self, kind: str, id_: int) -> Response:
        path = f"{kind}/{id_}"
        self.asked.append(path)
        if self.is_down:
            return Response(status_code=503)
        if path not in self.known:
            return Response(status_code=404)
        return Response(self.known[path].model_dump_json(), media_type="application/json")


@contextlib.asynccontextmanager
async def serving(owners: Owners) -> AsyncIterator[Owners]:
    """Serve `owners` on a free port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    owners.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _Server(uvicorn.Config(owners.app, lifespan="off", log_config=None, ws="none"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield owners
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are pytest's."""
        yield
