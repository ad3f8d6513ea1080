"""The integrity report: every service's replicas compared with their owners, and healed when asked."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from services.reporting import queries
from services.reporting.integrity import counters
from services.reporting.integrity.comparing import Finding, Pair, compare, heal, mend
from services.reporting.integrity.peers import Peers, Unasked
from shared.db import Database
from shared.errors import Conflict, Unavailable
from shared.integrity import Manifest, Part

AT_ONCE = 4  # replicas compared at the same time
PATIENCE = 25.0  # seconds for a whole report: the gateway waits thirty


class ComparedAlready(Conflict):
    detail = "Replicas are being compared already, by somebody else. Try again in half a minute."


@dataclass
class Findings:
    """What is wrong, what was and is not any more, and what could not be looked at."""

    checked: list[Pair] = field(default_factory=list)
    issues: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    unchecked: list[Finding] = field(default_factory=list)


async def examine(
    peers: Peers, database: Database, services: Sequence[str], *, repair: bool, of: str | None = None, within: float | None = None
) -> Findings:
    """Compare every replica (or those `of` one service) with its owner; with `repair`, have owners say again what replicas have
    wrong. What is not done `within` so many seconds (`PATIENCE`) is left unchecked.

    All are compared before any is healed: what an owner says again reaches all its replicas, and would hide what was wrong."""
    findings = Findings()
    end = asyncio.get_running_loop().time() + (PATIENCE if within is None else within)
    gate = asyncio.Semaphore(AT_ONCE)

    async def compared(pair: Pair) -> None:
        async with _noted(pair.service, pair.entity, findings, end), gate:
            findings.issues.extend(await compare(peers, pair))
            findings.checked.append(pair)

    async def healed(pair: Pair) -> None:
        issues = [i for i in findings.issues if (i.service, i.entity) == (pair.service, pair.entity)]
        async with _noted(pair.service, pair.entity, findings, end, "healing took too long"):
            findings.repaired.extend(await heal(peers, pair, issues))

    async def in_turn(pairs: list[Pair]) -> None:
        for pair in pairs:  # an owner locks what it says again: twice at once would be one too many
            await healed(pair)

    await asyncio.gather(*(compared(pair) for pair in await _pairs(peers, services, findings, of)))
    if repair:
        wrong = {(issue.service, issue.entity) for issue in findings.issues}
        owned: dict[tuple[str, str], list[Pair]] = defaultdict(list)
        for pair in findings.checked:
            if (pair.service, pair.entity) in wrong:
                owned[pair.owner, pair.entity].append(pair)
        await asyncio.gather(*(in_turn(pairs) for pairs in owned.values()))
        gone = set(findings.repaired)
        findings.repaired.sort(key=lambda issue: (issue.service, issue.entity, issue.id or 0))
        findings.issues = [issue for issue in findings.issues if issue not in gone]
    async with _noted("reporting", "counter", findings, end):
        miscounted = await counters.check(database, repair=repair)
        (findings.repaired if repair else findings.issues).extend(miscounted)
    return findings


async def restore(peers: Peers, services: Sequence[str], of: str) -> None:
    """Fill one service's replicas from their owners, however much they lack. What is wrong after that `examine` tells."""
    untold = Findings()
    for pair in await _pairs(peers, services, untold, of):
        async with _noted(pair.service, pair.entity, untold, None):
            await mend(peers, pair)


@asynccontextmanager
async def one_at_a_time(database: Database) -> AsyncIterator[None]:
    """Two repairs at once would take turns in distrusting what the other has just healed. Raises `ComparedAlready`."""
    async with database.reading() as tx:  # the lock is the connection's
        if not await tx.value(queries.COMPARING_LOCK):
            raise ComparedAlready
        try:
            yield
        finally:
            with suppress(psycopg.OperationalError):  # a connection that was lost meanwhile has taken the lock along
                await tx.value(queries.COMPARING_UNLOCK)


@asynccontextmanager
async def _noted(
    service: str, entity: str, findings: Findings, end: float | None, late: str = "took too long"
) -> AsyncIterator[None]:
    """What a service does not answer, or not in time, is unchecked."""
    try:
        async with asyncio.timeout_at(end):
            yield
    except (Unasked, Unavailable) as error:
        findings.unchecked.append(Finding(service, entity, None, str(error)))
    except TimeoutError:
        findings.unchecked.append(Finding(service, entity, None, late))


async def _pairs(peers: Peers, services: Sequence[str], findings: Findings, of: str | None) -> list[Pair]:
    """Every replica (or those `of` one service) with an owner that can be asked."""
    asked = services if of is None else (of,)
    keepers = await _manifests(peers, asked, findings)
    owners = {replica.owner for manifest in keepers.values() for replica in manifest.replicas} - set(asked)
    manifests = keepers | await _manifests(peers, sorted(owners), findings)
    owned = {(service, o.entity): o.fields for service, manifest in manifests.items() for o in manifest.owned}
    pairs = []
    for service, manifest in keepers.items():
        for replica in manifest.replicas:
            if (replica.owner, replica.entity) not in owned:
                findings.unchecked.append(Finding(service, replica.entity, None, f"{replica.owner} does not answer for it"))
                continue
            common = [name for name in replica.fields if name in owned[replica.owner, replica.entity]]
            pairs.append(Pair(service, replica.entity, replica.owner, Part(fields=common), replica.removable))
    return pairs


async def _manifests(peers: Peers, services: Sequence[str], findings: Findings) -> dict[str, Manifest]:
    answers = await asyncio.gather(*(peers.manifest(service) for service in services), return_exceptions=True)
    manifests = {}
    for service, answer in zip(services, answers, strict=True):
        if isinstance(answer, Unasked):
            findings.unchecked.append(Finding(service, "*", None, str(answer)))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            manifests[service] = answer
    return manifests
