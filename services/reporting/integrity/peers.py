"""The services at their `/internal/integrity` paths."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.integrity import BATCH, Backlog, Block, Manifest, Part, Row, Side

TIMEOUT = 60.0  # seconds: a checksum reads a whole table
SOON = 5.0  # seconds: what takes no reading of tables
RESENT = 200  # aggregates that an owner says again in one request: a tutor's calendar takes several statements

T = TypeVar("T")
V = TypeVar("V")
_MANIFEST = TypeAdapter(Manifest)
_BACKLOG = TypeAdapter(Backlog)
_BLOCKS = TypeAdapter(list[Block])
_ROWS = TypeAdapter(list[Row])


class Unasked(Exception):
    """A service could not be asked, or did not understand."""


class Peers:
    """All services. Close it in the end."""

    def __init__(self, urls: Mapping[str, str], token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.clients = {
            name: httpx.AsyncClient(base_url=url, timeout=TIMEOUT, headers=headers, trust_env=False) for name, url in urls.items()
        }

    async def close(self) -> None:
        await asyncio.gather(*(client.aclose() for client in self.clients.values()))

    async def is_ready(self, service: str) -> bool:
        try:
            return (await self.clients[service].get("/health/ready", timeout=3)).status_code == 200
        except httpx.HTTPError:
            return False

    async def backlog(self, service: str) -> Backlog:
        return await self._ask(service, "GET", "/outbox", _BACKLOG, within=SOON)

    async def manifest(self, service: str) -> Manifest:
        return await self._ask(service, "GET", "", _MANIFEST, within=SOON)

    async def blocks(self, service: str, side: Side, entity: str, part: Part) -> dict[int, Block]:
        found = await self._ask(service, "POST", f"/{side}/{entity}/blocks", _BLOCKS, part.model_dump())
        return {block.number: block for block in found}

    async def rows_of_blocks(self, service: str, side: Side, entity: str, part: Part, blocks: Sequence[int]) -> dict[int, Row]:
        return await self._rows(service, side, entity, part, {"blocks": list(blocks)})

    async def rows_of_ids(self, service: str, side: Side, entity: str, part: Part, ids: Sequence[int]) -> dict[int, Row]:
        rows: dict[int, Row] = {}
        for some in batches(ids, BATCH):
            rows |= await self._rows(service, side, entity, part, {"ids": some})
        return rows

    async def resend(self, owner: str, entity: str, ids: Sequence[int]) -> None:
        for some in batches(ids, RESENT):
            await self._ask(owner, "POST", f"/owned/{entity}/resend", None, {"ids": some})

    async def distrust(self, service: str, entity: str, outdated: Mapping[int, int], unknown: Sequence[int]) -> None:
        """`outdated`: id → the owner's version."""
        for some in batches(list(outdated), BATCH):
            doubted = {"outdated": some, "versions": {id_: outdated[id_] for id_ in some}}
            await self._ask(service, "POST", f"/replicas/{entity}/distrust", None, doubted)
        for some in batches(unknown, BATCH):
            await self._ask(service, "POST", f"/replicas/{entity}/distrust", None, {"unknown": some})

    async def _rows(self, service: str, side: Side, entity: str, part: Part, which: dict[str, list[int]]) -> dict[int, Row]:
        found = await self._ask(service, "POST", f"/{side}/{entity}/rows", _ROWS, part.model_dump() | which)
        return {row.id: row for row in found}

    async def _ask(
        self, service: str, method: str, path: str, kind: TypeAdapter[T] | None, body: Any = None, within: float = TIMEOUT
    ) -> T:
        with _unasked(service):
            response = await self.clients[service].request(method, f"/internal/integrity{path}", json=body, timeout=within)
            response.raise_for_status()
            return kind.validate_json(response.content) if kind else None  # type: ignore[return-value]  # nothing was wanted


def batches(values: Sequence[V], size: int) -> Iterator[list[V]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


@contextmanager
def _unasked(service: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise Unasked(f"{service} answered {error.response.status_code}") from error
    except (httpx.HTTPError, ValidationError) as error:
        raise Unasked(f"{service} could not be asked ({type(error).__name__})") from error
