"""The whole suite as processes, started and stopped from code: the runner's engine, and what end-to-end tests hold."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.local import ports
from deploy.local.databases import DatabaseUrls
from deploy.local.lifetime import Registry, end
from deploy.local.logs import Tell
from deploy.local.processes import GATEWAY, SERVICES, Deployment, programs
from deploy.local.secrets import load_or_create
from deploy.local.supervisor import Supervisor


def _silent(_name: str, _line: str) -> None:
    return


class Suite:
    """The six services and the gateway under supervision.

    >>> async with Suite.on(tmp_path, databases, redis_url, amqp_url, SMTP_URL=mailbox.url) as suite:
    ...     await client.get(f"{suite.gateway_url}/health")
    ...     suite.kill("bookings")          # kill -9; it is started again at once
    ...     await suite.wait_ready("bookings")
    """

    def __init__(self, deployment: Deployment, tell: Tell = _silent, relay: Tell = _silent) -> None:
        self.deployment = deployment
        self.gateway_url = f"http://{deployment.gateway_host}:{deployment.ports[GATEWAY]}"
        self._registry = Registry(deployment.directory / "services.json")
        self._supervisor = Supervisor(self._registry, self.log, tell, relay)
        self._programs = programs(deployment)

    @classmethod
    def on(cls, directory: Path, databases: Mapping[str, str], redis_url: str, amqp_url: str, **variables: str) -> "Suite":
        """A suite on servers and migrated databases that are there already; `variables` are what an operator would set."""
        secrets = load_or_create(directory / "secrets.json", ())
        return cls(
            Deployment(
                directory=directory,
                data=directory,
                ports=choose_ports(directory / "ports.json"),
                databases={name: DatabaseUrls(databases[name], databases[name]) for name in SERVICES},
                redis_url=redis_url,
                amqp_url=amqp_url,
                internal_token=secrets.internal_token,
                jwt_private_key=secrets.jwt_private_key,
                given=variables,
            )
        )

    async def start(self, within: float = 180.0) -> None:
        """Start everything and wait until it is ready. Whatever a killed launcher left is ended first."""
        for pid in self._registry.living().values():
            end(pid, signal.SIGKILL)
        self._supervisor.start(self._programs)
        await self._supervisor.wait_ready(within=within)

    async def stop(self) -> None:
        """Stop everything; nothing is left."""
        await self._supervisor.stop()

    async def wait_ready(self, *names: str, within: float = 60.0) -> None:
        """Wait until these processes are ready, or all."""
        await self._supervisor.wait_ready(names or None, within)

    def pid(self, name: str) -> int:
        """The process of a service or of the gateway, as it runs now."""
        return self._supervisor.pid(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process; if it dies it is started again."""
        os.kill(self.pid(name), number)

    async def pause(self, name: str) -> None:
        """Stop one process until `resume`."""
        await self._supervisor.stop([name])

    def resume(self, name: str) -> None:
        """Start again what `pause` stopped."""
        self._supervisor.restart(name)

    def kill_all(self) -> None:
        """End everything without asking."""
        self._supervisor.kill()

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.deployment.directory / "log" / f"{name}.log"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def ports_in_use(remembered: Path) -> dict[str, int]:
    """The ports of the suite that runs."""
    return dict(json.loads(remembered.read_text()))


def choose_ports(remembered: Path, gateway: int = 0, taken: frozenset[int] = frozenset()) -> dict[str, int]:
    """A free port for each service, the same as last time where possible; the gateway's too unless it is given.

    ``taken`` are those of servers that may not listen yet.
    """
    try:
        known = dict(json.loads(remembered.read_text()))
    except (OSError, ValueError):
        known = {}
    chosen: dict[str, int] = {GATEWAY: gateway} if gateway else {}
    for name in (*SERVICES, GATEWAY):
        if name not in chosen:
            chosen[name] = ports.choose(int(known.get(name, 0)), taken.union(chosen.values()))
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(json.dumps(chosen))
    return chosen
