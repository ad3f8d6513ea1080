"""One replica against its owner: which rows differ, whether that is more than an event on its way, and how it is healed."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from services.reporting import rules
from services.reporting.integrity.peers import Peers, batches
from shared.integrity import Part, Row

BLOCKS = 4  # blocks whose rows are held at once
MOST = 10_000  # rows of one replica in a report; what differs beyond is for the next
GRACE = 3.0  # seconds that an event may be on its way before its absence is told
HEALING = 10.0  # seconds without any progress after which what is still wrong is taken to stay so
LOOK = 0.2  # seconds between looks


@dataclass(frozen=True, slots=True)
class Pair:
    """A service's replica of what `owner` owns."""

    service: str
    entity: str
    owner: str
    part: Part = field(compare=False)
    removable: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    service: str
    entity: str
    id: int | None
    problem: str


async def compare(peers: Peers, pair: Pair) -> list[Finding]:
    """What is wrong with the replica, up to about `MOST` rows. What is only late, on a busy system, is not."""
    suspects: dict[int, int | None] = {}
    beyond = []
    async for some in _suspects(peers, pair):
        suspects |= some
        if len(suspects) > MOST:
            beyond = [Finding(pair.service, pair.entity, None, f"more than {MOST} rows differ")]
            break
    problems = await _wait(peers, pair, suspects, rules.LATE, GRACE)
    return [Finding(pair.service, pair.entity, id_, problem) for id_, problem in sorted(problems.items())] + beyond


async def heal(peers: Peers, pair: Pair, issues: list[Finding]) -> set[Finding]:
    """Have the replica forget what is wrong and the owner say it again; the issues that are gone after that."""
    by_id = {issue.id: issue for issue in issues if issue.id is not None}
    left = await _heal(peers, pair, {id_: issue.problem for id_, issue in by_id.items()})
    return {issue for id_, issue in by_id.items() if id_ not in left}


async def mend(peers: Peers, pair: Pair) -> int:
    """Heal whatever differs, however much, again and again until a round mends no more than the one before; how many rows the
    rounds mended. Only some blocks are held at a time."""
    mended, last = 0, None
    while (now := await _round(peers, pair)) and (last is None or now < last):
        mended, last = mended + now, now
    return mended


async def _round(peers: Peers, pair: Pair) -> int:
    mended = 0
    async for suspects in _suspects(peers, pair):
        problems = await _look(peers, pair, suspects)
        mended += len(problems) - len(await _heal(peers, pair, problems))
    return mended


async def _heal(peers: Peers, pair: Pair, problems: Mapping[int, str]) -> dict[int, str]:
    """Id → problem, of those that stay."""
    unknown = [id_ for id_, problem in problems.items() if problem == rules.UNKNOWN]
    wrong = [id_ for id_, problem in problems.items() if problem != rules.UNKNOWN]  # one missing may be a wrong tombstone
    owners = await peers.rows_of_ids(pair.owner, "owned", pair.entity, pair.part, wrong)
    await peers.distrust(pair.service, pair.entity, {id_: row.version for id_, row in owners.items()}, unknown)
    curable = [id_ for id_, problem in problems.items() if pair.removable or problem != rules.UNKNOWN]
    await peers.resend(pair.owner, pair.entity, wrong)
    left = await _wait(peers, pair, {id_: _version(owners, id_) for id_ in curable}, rules.PROBLEMS, HEALING)
    return left | {id_: problem for id_, problem in problems.items() if id_ not in curable}


async def _suspects(peers: Peers, pair: Pair) -> AsyncIterator[dict[int, int | None]]:
    """Ids whose rows differ at first sight → the version that the owner had then; some blocks after the other."""
    owners = await peers.blocks(pair.owner, "owned", pair.entity, pair.part)
    replicas = await peers.blocks(pair.service, "replicas", pair.entity, pair.part)
    differing = sorted(number for number in owners.keys() | replicas.keys() if owners.get(number) != replicas.get(number))
    for some in batches(differing, BLOCKS):
        theirs = await peers.rows_of_blocks(pair.owner, "owned", pair.entity, pair.part, some)
        ours = await peers.rows_of_blocks(pair.service, "replicas", pair.entity, pair.part, some)
        yield {id_: _version(theirs, id_) for id_ in theirs.keys() | ours.keys() if theirs.get(id_) != ours.get(id_)}


async def _wait(
    peers: Peers, pair: Pair, suspects: Mapping[int, int | None], transient: frozenset[str], seconds: float
) -> dict[int, str]:
    """Id → problem, looked at again until none is `transient` or for so many seconds nothing got better."""
    found = await _look(peers, pair, suspects)
    deadline = time.monotonic() + seconds
    while transient & set(found.values()) and time.monotonic() < deadline:
        await asyncio.sleep(LOOK)
        before = len(found)
        found = await _look(peers, pair, {id_: suspects[id_] for id_ in found})
        if len(found) < before:
            deadline = time.monotonic() + seconds
    return found


async def _look(peers: Peers, pair: Pair, suspects: Mapping[int, int | None]) -> dict[int, str]:
    # The replica first: whatever it has, its owner has already.
    ours = await peers.rows_of_ids(pair.service, "replicas", pair.entity, pair.part, list(suspects))
    theirs = await peers.rows_of_ids(pair.owner, "owned", pair.entity, pair.part, list(suspects))
    problems = {id_: rules.problem(_facts(theirs, id_), _facts(ours, id_), expected) for id_, expected in suspects.items()}
    return {id_: problem for id_, problem in problems.items() if problem}


def _version(rows: Mapping[int, Row], id_: int) -> int | None:
    return rows[id_].version if id_ in rows else None


def _facts(rows: Mapping[int, Row], id_: int) -> tuple[int, str] | None:
    return (rows[id_].version, rows[id_].checksum) if id_ in rows else None
