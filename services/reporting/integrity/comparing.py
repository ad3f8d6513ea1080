"""One replica against its owner: which rows differ, whether that is more than an event on its way, and how it is healed."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.reporting import rules
from services.reporting.integrity.peers import Peers
from shared.integrity import Part, Row

GRACE = 3.0  # seconds that an event may be on its way before its absence is told
HEALING = 10.0  # seconds that a replica is given to take in what its owner said again
LOOK = 0.2  # seconds between looks


@dataclass(frozen=True, slots=True)
class Pair:
    """A service's replica of what `owner` owns."""

    service: str
    entity: str
    owner: str
    part: Part = field(compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    service: str
    entity: str
    id: int | None
    problem: str


async def compare(peers: Peers, pair: Pair) -> list[Finding]:
    """What is wrong with the replica. What is only late, on a busy system, is not."""
    suspects = await _suspects(peers, pair)
    problems = await _wait(peers, pair, suspects, rules.LATE, GRACE)
    return [Finding(pair.service, pair.entity, id_, problem) for id_, problem in sorted(problems.items())]


async def heal(peers: Peers, pair: Pair, issues: list[Finding]) -> set[Finding]:
    """Have the replica forget what is wrong and the owner say it again; the issues that are gone after that."""
    by_id = {issue.id: issue for issue in issues if issue.id is not None}
    unknown = [id_ for id_, issue in by_id.items() if issue.problem == rules.UNKNOWN]
    wrong = [id_ for id_, issue in by_id.items() if issue.problem not in (rules.UNKNOWN, rules.MISSING)]
    await peers.distrust(pair.service, pair.entity, wrong, unknown)
    await peers.resend(pair.owner, pair.entity, [id_ for id_ in by_id if id_ not in set(unknown)])
    owners = await peers.rows_of_ids(pair.owner, "owned", pair.entity, pair.part, list(by_id))
    left = await _wait(peers, pair, {id_: _version(owners, id_) for id_ in by_id}, rules.PROBLEMS, HEALING)
    return {issue for id_, issue in by_id.items() if id_ not in left}


async def _suspects(peers: Peers, pair: Pair) -> dict[int, int | None]:
    """Ids whose rows differ at first sight → the version that the owner had then."""
    owners = await peers.blocks(pair.owner, "owned", pair.entity, pair.part)
    replicas = await peers.blocks(pair.service, "replicas", pair.entity, pair.part)
    differing = sorted(number for number in owners.keys() | replicas.keys() if owners.get(number) != replicas.get(number))
    theirs = await peers.rows_of_blocks(pair.owner, "owned", pair.entity, pair.part, differing)
    ours = await peers.rows_of_blocks(pair.service, "replicas", pair.entity, pair.part, differing)
    return {id_: _version(theirs, id_) for id_ in theirs.keys() | ours.keys() if theirs.get(id_) != ours.get(id_)}


async def _wait(
    peers: Peers, pair: Pair, suspects: Mapping[int, int | None], transient: frozenset[str], seconds: float
) -> dict[int, str]:
    """Id → problem, looked at again until none is `transient` or the time is over."""
    deadline = time.monotonic() + seconds
    ids = list(suspects)
    while True:
        # The replica first: whatever it has, its owner has already.
        ours = await peers.rows_of_ids(pair.service, "replicas", pair.entity, pair.part, ids)
        theirs = await peers.rows_of_ids(pair.owner, "owned", pair.entity, pair.part, ids)
        problems = {id_: rules.problem(_facts(theirs, id_), _facts(ours, id_), suspects[id_]) for id_ in ids}
        found = {id_: problem for id_, problem in problems.items() if problem}
        if not transient & set(found.values()) or time.monotonic() > deadline:
            return found
        ids = list(found)
        await asyncio.sleep(LOOK)


def _version(rows: Mapping[int, Row], id_: int) -> int | None:
    return rows[id_].version if id_ in rows else None


def _facts(rows: Mapping[int, Row], id_: int) -> tuple[int, str] | None:
    return (rows[id_].version, rows[id_].checksum) if id_ in rows else None
