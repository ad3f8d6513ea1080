"""`python -m services.reporting rebuild`: forget every read model, and make them anew from the stream and from their owners.

Dashboards are incomplete while it runs; the feed only gains what it lacks, and the audit log stays as it is: nothing can make it
anew. Events that arrive meanwhile are handled as always: of two states the newer stays, whoever brings it."""

import sys

from services.reporting import queries
from services.reporting.consumers import subscriptions
from services.reporting.integrity import Findings, examine, one_at_a_time, restore
from services.reporting.integrity.peers import Peers
from services.reporting.settings import ReportingSettings
from shared import logs
from shared.events.reporting import ReportingAudited
from shared.outbox import publish
from shared.replay import replay
from shared.worker import Runtime

PATIENCE = 600.0  # seconds for the comparison in the end
NAMED = 20  # of what is missing

log = logs.get(__name__)


async def rebuild(runtime: Runtime) -> None:
    """The same rows as before, if nothing was wrong with them. Ends the process with what is missing, if anything is. Raises
    `ComparedAlready`, before anything is forgotten, while somebody repairs."""
    settings = runtime.settings
    assert isinstance(settings, ReportingSettings)  # noqa: S101  declared in app
    async with one_at_a_time(runtime.database):
        await _rebuild(runtime, settings)


async def _rebuild(runtime: Runtime, settings: ReportingSettings) -> None:
    async with runtime.database.transaction() as tx:
        await publish(tx, ReportingAudited.of("read_models_rebuilt", None, "replicas", None))
        await tx.run(queries.FORGET_ALL)
    replayed = await replay(settings.amqp_url, subscriptions, runtime.database)
    log.info("replayed", **replayed)
    findings = await _from_owners(runtime, settings)
    if missing := [f"{f.entity} {f.id or ''}: {f.problem}" for f in findings.unchecked + findings.issues]:
        named = "; ".join(missing[:NAMED]) + ("; …" if len(missing) > NAMED else "")
        sys.exit(f"The read models are not complete. {named}")
    log.info("rebuilt")


async def _from_owners(runtime: Runtime, settings: ReportingSettings) -> Findings:
    """Fill in what is older than the stream; what differs from the owners then."""
    peers, services = Peers(settings.services, settings.internal_token), tuple(settings.services)
    try:
        await restore(peers, services, of="reporting")
        return await examine(peers, runtime.database, services, repair=True, within=PATIENCE, of="reporting")
    finally:
        await peers.close()
