"""The integrity report: every service's replicas compared with their owners, and healed when asked."""

import asyncio
from collections.abc import Sequence
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
    """Compare every replica with its owner; with `repair`, have owners say again what replicas have wrong."""
    findings = Findings()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pair: Pair) -> None:
        async with gate:
            await _examine_one(peers, pair, findings, repair=repair)

    await asyncio.gather(*(one(pair) for pair in await _pairs(peers, services, findings)))
    wrong = await counters.check(database, repair=repair)
    (findings.repaired if repair else findings.issues).extend(wrong)
    return findings


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


async def _examine_one(peers: Peers, pair: Pair, findings: Findings, *, repair: bool) -> None:
    try:
        issues = await compare(peers, pair)
        healed = await heal(peers, pair, issues) if repair and issues else set()
    except Unasked as error:
        findings.unchecked.append(Finding(pair.service, pair.entity, None, str(error)))
        return
    findings.checked.append(pair)
    findings.issues.extend(issue for issue in issues if issue not in healed)
    findings.repaired.extend(issue for issue in issues if issue in healed)
