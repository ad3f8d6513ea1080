"""Are replicas what their owners say? Each service serves checksums of what it owns and of what it keeps a replica of.

Wiring a service takes one router: `integrity.router(owned=(Owned("user", "accounts", resend, fields={…}),), replicas=(…))`.
Fields are named as in the owner's events, and both sides give the SQL expression that yields the same text; only fields that both
name are compared, besides id and version. The comparing itself is the reporting service's, `services/reporting/integrity/`.

Rows are summed up in blocks of ids (count, and a sum of hashes, so that order does not matter): a million rows are a few hundred
numbers, and only blocks that differ are looked into."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, LiteralString, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from shared.db import Database, Reading, Transaction, Tx
from shared.errors import Invalid, NotFound
from shared.neighbours import Internal
from shared.outbox import DEPTH

BLOCK: Final = 4096  # ids
BATCH: Final = 5000  # ids in one request
PATIENCE: Final = "SET LOCAL statement_timeout = '60s'"  # a checksum reads a whole table
AVATAR_NAME: Final = "regexp_replace(avatar_url, '^.*/', '')"
"""Of a replica that has the address of an account's picture: what comes after the host, which may be moved."""
OLDEST_DAY: Final = "((now() AT TIME ZONE 'UTC') - interval '12 hours')::date"
"""The earliest day that is today anywhere: calendars are compared from it on, since what is over is no longer said."""
Side = Literal["owned", "replicas"]
Ids = Annotated[list[int], Field(max_length=BATCH)]


@dataclass(frozen=True)
class _Copy:
    entity: str
    """One word for all services: `user`, `tutor`, `booking`."""
    table: LiteralString
    id: LiteralString = field(default="id", kw_only=True)
    version: LiteralString = field(default="version", kw_only=True)
    where: LiteralString = field(default="true", kw_only=True)
    """Which rows count: not the tombstones that keep a late event from reviving what is gone (`NOT deleted`)."""
    fields: Mapping[str, LiteralString] = field(default_factory=dict, kw_only=True)
    """Event field → SQL expression, cast to text: equal values must give equal text (`trim_scale(price)`, `ends_at`)."""


@dataclass(frozen=True)
class Owned(_Copy):
    """What this service is the authority on. `resend` publishes snapshots of the aggregates with these ids."""

    resend: Callable[[Tx, list[int]], Awaitable[None]]
    one_by_one: bool = field(default=False, kw_only=True)
    """Each in a transaction of its own: where saying an aggregate again takes locks that others wait for."""


@dataclass(frozen=True)
class Replica(_Copy):
    """What this service keeps of another's."""

    owner: str
    removable: bool = field(default=True, kw_only=True)
    """False where deleting a row would take along what this service owns: what the owner does not know is then only told."""
    rows: tuple[LiteralString, LiteralString] | None = field(default=None, kw_only=True)
    """Where `table` sums up rows that have no versions: their table, and its column of the `id`. Those distrusted are deleted."""


C = TypeVar("C", bound=_Copy)


class Part(BaseModel):
    """By what rows are compared."""

    fields: list[str] = []


class OwnedEntity(BaseModel):
    entity: str
    fields: list[str]


class ReplicaEntity(Part):
    entity: str
    owner: str
    removable: bool = True


class Manifest(BaseModel):
    """What a service owns and keeps replicas of."""

    owned: list[OwnedEntity]
    replicas: list[ReplicaEntity]


class Backlog(BaseModel):
    """Events that a service has said and the broker does not have yet."""

    depth: int
    age: float
    """Seconds since the oldest was said."""


class Block(BaseModel):
    """`BLOCK` ids from `number * BLOCK` on, summed up."""

    number: int
    count: int
    checksum: str


class Row(BaseModel):
    id: int
    version: int
    checksum: str


class RowsRequest(Part):
    """Rows of some blocks, or of some ids."""

    blocks: Annotated[list[int], Field(max_length=16)] = []
    ids: Ids = []


class ResendRequest(BaseModel):
    ids: Ids


class DistrustRequest(BaseModel):
    """Rows to be replaced by what the owner says again, and rows that the owner does not know."""

    outdated: Ids = []
    versions: dict[int, int] = {}
    """Of those outdated, as the owner has them; what is older stays no news. Whoever is of the release before does not say."""
    unknown: Ids = []


def router(owned: Sequence[Owned] = (), replicas: Sequence[Replica] = ()) -> APIRouter:
    """The `/internal/integrity` paths of a service."""
    routes = APIRouter(prefix="/internal/integrity", dependencies=[Internal], include_in_schema=False)

    @routes.get("")
    async def manifest() -> Manifest:
        return Manifest(
            owned=[OwnedEntity(entity=o.entity, fields=list(o.fields)) for o in owned],
            replicas=[
                ReplicaEntity(entity=r.entity, owner=r.owner, fields=list(r.fields), removable=r.removable) for r in replicas
            ],
        )

    @routes.get("/outbox")
    async def backlog(tx: Reading) -> Backlog:
        return await tx.one(Backlog, DEPTH)

    _answer_checksums(routes, owned, replicas)
    _take_repairs(routes, owned, replicas)
    return routes


def _answer_checksums(routes: APIRouter, owned: Sequence[Owned], replicas: Sequence[Replica]) -> None:
    sides: dict[Side, Sequence[_Copy]] = {"owned": owned, "replicas": replicas}

    @routes.post("/{side}/{entity}/blocks")
    async def blocks(side: Side, entity: str, part: Part, tx: Transaction) -> list[Block]:
        await tx.run(PATIENCE)
        return await _blocks(tx, _find(sides[side], entity), part)

    @routes.post("/{side}/{entity}/rows")
    async def rows(side: Side, entity: str, wanted: RowsRequest, tx: Reading) -> list[Row]:
        return await _rows(tx, _find(sides[side], entity), wanted)


def _take_repairs(routes: APIRouter, owned: Sequence[Owned], replicas: Sequence[Replica]) -> None:
    @routes.post("/owned/{entity}/resend", status_code=204)
    async def resend(entity: str, wanted: ResendRequest, request: Request) -> None:
        copy = _find(owned, entity)
        for ids in [[id_] for id_ in wanted.ids] if copy.one_by_one else [wanted.ids]:
            async with Database.of(request).transaction() as tx:
                await copy.resend(tx, ids)

    @routes.post("/replicas/{entity}/distrust", status_code=204)
    async def distrust(entity: str, wanted: DistrustRequest, tx: Transaction) -> None:
        copy = _find(replicas, entity)
        table, id_ = copy.rows or (copy.table, copy.id)
        if copy.rows:
            await tx.run(f"DELETE FROM {table} WHERE {id_} = ANY(%(ids)s)", ids=wanted.outdated)
        else:
            await tx.run(
                f"""UPDATE {table} SET {copy.version} = greatest(0, said_version - 1)
                FROM unnest(%(ids)s::bigint[], %(versions)s::bigint[]) AS said (said_id, said_version) WHERE {id_} = said_id""",
                ids=wanted.outdated,
                versions=[wanted.versions.get(which) for which in wanted.outdated],
            )
        if copy.removable:
            await tx.run(f"DELETE FROM {table} WHERE {id_} = ANY(%(ids)s)", ids=wanted.unknown)


def _find(copies: Sequence[C], entity: str) -> C:
    for copy in copies:
        if copy.entity == entity:
            return copy
    raise NotFound


async def _blocks(tx: Tx, copy: _Copy, part: Part) -> list[Block]:
    rows = f"SELECT {_summed(copy, part)} FROM {copy.table} WHERE {copy.where}"
    return await tx.all(
        Block,
        f"""SELECT id / %(size)s::bigint AS number, count(*), sum(('x' || left(checksum, 15))::bit(60)::bigint)::text AS checksum
        FROM ({rows}) AS r GROUP BY 1 ORDER BY 1""",
        size=BLOCK,
    )


async def _rows(tx: Tx, copy: _Copy, wanted: RowsRequest) -> list[Row]:
    if wanted.blocks:  # as ranges, which the primary key can serve
        lines: LiteralString = f"""unnest(%(blocks)s::bigint[]) AS block
        JOIN {copy.table} ON {copy.id} >= block * %(size)s::bigint AND {copy.id} < (block + 1) * %(size)s::bigint WHERE true"""
    else:
        lines = f"{copy.table} WHERE {copy.id} = ANY(%(ids)s::bigint[])"
    sql = f"SELECT {_summed(copy, wanted)} FROM {lines} AND ({copy.where}) ORDER BY 1"
    return await tx.all(Row, sql, ids=wanted.ids, blocks=wanted.blocks, size=BLOCK)


def _summed(copy: _Copy, part: Part) -> LiteralString:
    """What is selected of a row: its checksum covers id, version and the fields; NULL has a text of its own."""
    texts: LiteralString = ""
    for name in part.fields:
        texts += f", coalesce(({_expression(copy, name)})::text, E'\\x01')"
    row: LiteralString = f"concat_ws(E'\\x02', {copy.id}, {copy.version}{texts})"
    return f"{copy.id} AS id, {copy.version} AS version, md5({row}) AS checksum"


def _expression(copy: _Copy, name: str) -> LiteralString:
    if name not in copy.fields:
        raise Invalid(f"{copy.entity} has no field {name} to compare.")
    return copy.fields[name]
