"""How the services are, for administrators: ready, and how much waits between them."""

import asyncio
from collections.abc import Sequence

from aio_pika.exceptions import AMQPError

from services.reporting.integrity.peers import Peers, Unasked
from services.reporting.views import ServiceView
from shared.dead_letters import DeadLetters
from shared.integrity import Backlog

PATIENCE = 5.0  # seconds for the broker to answer


async def look(peers: Peers, amqp_url: str, services: Sequence[str]) -> list[ServiceView]:
    """Numbers that could not be had are None."""
    ready, backlogs, queues = await asyncio.gather(
        asyncio.gather(*(peers.is_ready(service) for service in services)),
        asyncio.gather(*(_backlog(peers, service) for service in services)),
        _queues(amqp_url, services),
    )
    return [
        ServiceView(
            service=service,
            is_ready=is_ready,
            queue_depth=queues[service][0],
            dead_letters=queues[service][1],
            outbox_depth=backlog.depth if backlog else None,
            outbox_age=round(backlog.age, 1) if backlog else None,
        )
        for service, is_ready, backlog in zip(services, ready, backlogs, strict=True)
    ]


async def _backlog(peers: Peers, service: str) -> Backlog | None:
    try:
        return await peers.backlog(service)
    except Unasked:
        return None


async def _queues(amqp_url: str, services: Sequence[str]) -> dict[str, tuple[int | None, int | None]]:
    """Messages waiting, and dead letters."""
    try:
        async with asyncio.timeout(PATIENCE), DeadLetters.at(amqp_url) as letters:
            return {service: (await letters.waiting(service), await letters.count(service)) for service in services}
    except (AMQPError, OSError):
        return dict.fromkeys(services, (None, None))
