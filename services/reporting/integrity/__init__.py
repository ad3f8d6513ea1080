"""The integrity report: every service's replicas compared with their owners, and healed when asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.reporting.integrity import counters
from services.reporting.integrity.comparing import Finding, Pair, compare, heal
from services.reporting.integrity.peers import Peers, Unasked
from shared.db import Database
from shared.integrity import Part

AT_ONCE = 4  # replicas compared at the same time


@dataclass
class Findings:
    """What is wrong, what was and is not any more, and what could not be looked at."""

    checked: list[Pair] = field(default_factory=list)
    issues: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    unchecked: list[Finding] = field(default_factory=list)


async def examine(peers: Peers, database: Database, services: Sequence[str], *, repair: bool) -> Findings:
    """Compare every replica with its owner; with `repair`, have owners say again what replicas have wrong.

    All are compared before any is healed: what an owner says again reaches all its replicas, and would hide what was wrong."""
    findings = Findings()
    gate = asyncio.Semaphore(AT_ONCE)

    async def compared(pair: Pair) -> None:
        async with gate, _noted(pair, findings):
            findings.issues.extend(await compare(peers, pair))
            findings.checked.append(pair)

    async def healed(pair: Pair, issues: list[Finding]) -> None:
        async with _noted(pair, findings):
            gone = await heal(peers, pair, issues)
            findings.repaired.extend(issue for issue in issues if issue in gone)

    await asyncio.gather(*(compared(pair) for pair in await _pairs(peers, services, findings)))
    if repair:
        wrong = {
            pair: [i for i in findings.issues if (i.service, i.entity) == (pair.service, pair.entity)]
            for pair in findings.checked
        }
        await asyncio.gather(*(healed(pair, issues) for pair, issues in wrong.items() if issues))
        gone = set(findings.repaired)
        findings.issues = [issue for issue in findings.issues if issue not in gone]
    miscounted = await counters.check(database, repair=repair)
    (findings.repaired if repair else findings.issues).extend(miscounted)
    return findings


@asynccontextmanager
async def _noted(pair: Pair, findings: Findings) -> AsyncIterator[None]:
    """A service that does not answer leaves its replica unchecked."""
    try:
        yield
    except Unasked as error:
        findings.unchecked.append(Finding(pair.service, pair.entity, None, str(error)))


async def _pairs(peers: Peers, services: Sequence[str], findings: Findings) -> list[Pair]:
    """Every replica with an owner that can be asked."""
    answers = await asyncio.gather(*(peers.manifest(service) for service in services), return_exceptions=True)
    manifests = {}
    for service, answer in zip(services, answers, strict=True):
        if isinstance(answer, Unasked):
            findings.unchecked.append(Finding(service, "*", None, str(answer)))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            manifests[service] = answer
    owned = {(service, o.entity): o.fields for service, manifest in manifests.items() for o in manifest.owned}
    pairs = []
    for service, manifest in manifests.items():
        for replica in manifest.replicas:
            if (replica.owner, replica.entity) not in owned:
                findings.unchecked.append(Finding(service, replica.entity, None, f"{replica.owner} does not answer for it"))
                continue
            common = [name for name in replica.fields if name in owned[replica.owner, replica.entity]]
            pairs.append(Pair(service, replica.entity, replica.owner, Part(fields=common, only=replica.only)))
    return pairs
