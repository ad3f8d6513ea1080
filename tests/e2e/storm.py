"""Hundreds of requests in flight at once, over as many connections, at the price of a few bytes each."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.people import Person
from tests.gateway.raw import Answer, read_answer

PAUSE = 0.02  # seconds between two questions of a watch
PATIENCE = 40.0  # seconds: longer than the gateway waits for a service


@dataclass(frozen=True)
class Asked:
    """A request, as bytes. `body` is JSON; `content` is sent as it is, with the `headers` that say what it is."""

    method: str
    path: str
    person: Person | None = None
    body: dict[str, Any] | None = None
    content: bytes = b""
    headers: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        body = json.dumps(self.body).encode() if self.body is not None else self.content
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: edustream", f"content-length: {len(body)}"]
        if self.person:
            lines.append(f"authorization: {self.person.client.headers['authorization']}")
        if self.body is not None:
            lines.append("content-type: application/json")
        lines += self.headers
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Storm:
    """What came back of one."""

    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def seconds_of(self, statuses: Collection[int]) -> list[float]:
        """How long those waited who were answered so."""
        return [took for answer, took in zip(self.answers, self.seconds, strict=True) if answer.status in statuses]

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)


async def storm(url: str, count: int, asked: Callable[[int], Asked]) -> Storm:
    """All at once; raises if one is not answered."""
    parts = urlsplit(url)
    found = Storm()
    everybody_connected = asyncio.Barrier(count)

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            request = asked(number).to_bytes()
            await everybody_connected.wait()
            began = time.perf_counter()
            writer.write(request)
            async with asyncio.timeout(PATIENCE):
                answer = await read_answer(reader)
            found.answers.append(answer)
            found.seconds.append(time.perf_counter() - began)
        finally:
            writer.close()

    await asyncio.gather(*(one(number) for number in range(count)))
    return found


class Watch:
    """Asks for one path again and again beside whatever else goes on, and keeps the answers."""

    def __init__(self, url: str, path: str) -> None:
        self._url, self._path = url, path
        self.answers: list[Answer] = []
        self.seconds: list[float] = []

    async def __aenter__(self) -> "Watch":
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task

    async def _watch(self) -> None:
        parts = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while not self._over.is_set():
                began = time.perf_counter()
                writer.write(Asked("GET", self._path).to_bytes())
                async with asyncio.timeout(PATIENCE):
                    self.answers.append(await read_answer(reader))
                self.seconds.append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE)
        finally:
            writer.close()
