"""`python -m services.reporting rebuild`: forget every read model, and make them anew from the stream and from their owners.

Dashboards are incomplete while it runs; the audit log and the feed stay as they are and only gain what they lack. Events that
arrive meanwhile are handled as always: of two states the newer stays, whoever brings it."""

from services.reporting import queries
from services.reporting.consumers import subscriptions
from services.reporting.integrity import examine
from services.reporting.integrity.peers import Peers
from services.reporting.settings import ReportingSettings
from shared import logs
from shared.replay import replay
from shared.worker import Runtime

log = logs.get(__name__)


async def rebuild(runtime: Runtime) -> None:
    """The same rows as before, if nothing was wrong with them."""
    settings = runtime.settings
    assert isinstance(settings, ReportingSettings)  # noqa: S101  declared in app
    async with runtime.database.transaction() as tx:
        await tx.run(queries.FORGET_ALL)
    replayed = await replay(settings.amqp_url, subscriptions, runtime.database)
    log.info("replayed", **replayed)
    peers = Peers(settings.services, settings.internal_token)
    try:
        findings = await examine(peers, runtime.database, tuple(settings.services), repair=True)
    finally:
        await peers.close()
    for missed in findings.unchecked:
        log.warning("not_compared", service=missed.service, entity=missed.entity, problem=missed.problem)
    log.info("rebuilt", resent=len(findings.repaired), left=len(findings.issues))
