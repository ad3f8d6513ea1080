"""Every caller asks on every route, from the one who may least to the one who may most; each request names itself as its user
agent, so that its audit entry can be found."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from deploy.local.suite import Suite
from tests.clients import plain_client
from tests.e2e.authorisation.asking import BESIDE_OTHERS_NO_MORE, SPARE, Question, question
from tests.e2e.authorisation.cast import Cast
from tests.e2e.authorisation.table import CALLERS, Row, declared, rows
from tests.e2e.authorisation.things import Things
from tests.e2e.people import Person

AT_ONCE = 8  # rows
OUTSIDE = {"X-Forwarded-For": "203.0.113.7"}  # everybody comes through a proxy: to them there are no metrics
OPEN = 101


@dataclass(frozen=True)
class Success:
    """A request that was allowed: who made it, about what, under which name."""

    row: Row
    actor: int | None
    about: frozenset[int]
    user_agent: str


@dataclass
class Findings:
    """What was answered: each caller's status, by row and column. `direct` is what services said to strangers at their ports."""

    answers: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    direct: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    successes: list[Success] = field(default_factory=list)


class Walk:
    """Goes through the table."""

    def __init__(self, suite: Suite, cast: Cast, things: Things, client: httpx.AsyncClient) -> None:
        self._suite, self._cast, self._things, self._client = suite, cast, things, client
        self._owners = declared()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self.findings = Findings()

    async def run(self) -> Findings:
        known = [row for row in rows() if row.route in self._owners]
        await asyncio.gather(*(self._try(row) for row in known if row.route not in BESIDE_OTHERS_NO_MORE))
        for row in known:
            if row.route in BESIDE_OTHERS_NO_MORE:
                await self._try(row)
        return self.findings

    async def _try(self, row: Row) -> None:
        async with self._at_once:
            asked = await question(row, self._things) if row.method != "WS" else Question(f"/ws/{self._cast.student.id}")
            for column in CALLERS:
                callers: Mapping[str, str | None] = self._cast.tokens(column)
                spare: Person | None = None
                if row.route in SPARE and column not in ("dead", "anonymous"):
                    spare = await self._things.spare(column)
                    callers = {column: spare.token}
                for name, token in callers.items():
                    await self._ask(row, asked, column, name, token, spare)
            if row.method != "WS" and row.expected["anonymous"] == 401:
                await self._ask_directly(row, asked)

    async def _ask(self, row: Row, asked: Question, column: str, name: str, token: str | None, spare: Person | None) -> None:
        if row.method == "WS":
            self.findings.answers[row.route][column][name] = await self._connect(asked.path, token)
            return
        agent = f"{name}: {row.route}"
        answer = await self._request(self._suite.gateway_url, row, asked, agent, token)
        self.findings.answers[row.route][column][name] = answer.status_code
        if answer.is_success and token is not None:
            actor = (spare or getattr(self._cast, column)).id if column != "dead" else None
            about = asked.about | _ids(answer) | ({actor} if actor else set())
            self.findings.successes.append(Success(row, actor, about, agent))

    async def _ask_directly(self, row: Row, asked: Question) -> None:
        """What the service says to a stranger who has got past the gateway."""
        port = self._suite.deployment.ports[self._owners[row.route]]
        for name, token in {"anonymous": None, **self._cast.dead}.items():
            answer = await self._request(f"http://127.0.0.1:{port}", row, asked, "past the gateway", token)
            self.findings.direct[row.route][name] = answer.status_code

    async def _request(self, base: str, row: Row, asked: Question, agent: str, token: str | None) -> httpx.Response:
        headers = OUTSIDE | {"User-Agent": agent} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self._client.request(row.method, base + asked.path, headers=headers, **asked.values)

    async def _connect(self, path: str, token: str | None) -> int:
        """How a WebSocket ends, or `OPEN` when it is answered."""
        url = self._suite.gateway_url.replace("http", "ws", 1) + path
        try:
            async with websockets.connect(f"{url}?token={token}" if token else url, proxy=None) as connection:
                return await self._greeted(connection, anonymous=token is None)
        except websockets.InvalidStatus as error:
            return error.response.status_code

    async def _greeted(self, connection: ClientConnection, *, anonymous: bool) -> int:
        try:
            await connection.send(json.dumps({"type": "auth", "token": "none"} if anonymous else {"type": "ping"}))
            await connection.recv()
        except websockets.ConnectionClosed:
            return connection.close_code or 0
        return OPEN


async def walk(suite: Suite, cast: Cast, things: Things) -> Findings:
    """Go through the whole table once."""
    limits = httpx.Limits(max_connections=40)
    async with plain_client(timeout=60, limits=limits) as client:
        return await Walk(suite, cast, things, client).run()


def _ids(answer: httpx.Response) -> set[int]:
    """The ids in an answer of what was made or changed."""
    if not answer.content or answer.headers["content-type"] != "application/json":
        return set()
    body: Any = answer.json()
    named = [body.get("id"), body.get("tutor_id"), body.get("user_id")] if isinstance(body, dict) else []
    return {value for value in named if isinstance(value, int)}
