"""The processes of EduStream, and what each may know: its own database and secrets, never another's."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from deploy.local import ports
from deploy.local.databases import DatabaseUrls
from deploy.local.ports import LOOPBACK
from deploy.local.program import Program, answers_200
from deploy.local.settings import MACHINE, ROOT

SERVICES = ("auth", "profiles", "bookings", "messaging", "notifications", "reporting")
GATEWAY = "gateway"
APART, WORKER = "EDUSTREAM_APART", "-worker"
# Variables that go to a process as they were given; a name that ends in _ stands for all that begin so.
EVERYBODY = ("LOG_LEVEL", "OTEL_")
GIVEN: dict[str, tuple[str, ...]] = {
    GATEWAY: ("EDUSTREAM_RATE_LIMIT_", "TRUSTED_PROXIES", "CORS_ORIGINS"),
    "auth": ("EDUSTREAM_ADMIN_EMAIL", "EDUSTREAM_ADMIN_PASSWORD"),
    "notifications": ("SMTP_URL",),
}
OBJECT_STORE = ("AWS_", "AZURE_", "GOOGLE_")


@dataclass(frozen=True)
class Deployment:
    """Everything the processes have to be told."""

    directory: Path  # the processes' working directory: without a .env that would tell each of them everything
    data: Path
    ports: Mapping[str, int]  # of the services and the gateway
    databases: Mapping[str, DatabaseUrls]
    redis_url: str
    amqp_url: str
    internal_token: str
    jwt_private_key: str
    host: str = LOOPBACK  # where the gateway listens
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def public_url(self) -> str:
        """What clients call the gateway."""
        host = "localhost" if self.gateway_host == LOOPBACK else self.gateway_host
        return self.given.get("PUBLIC_URL") or f"http://{host}:{self.ports[GATEWAY]}"

    @property
    def gateway_host(self) -> str:
        """Where this machine reaches the gateway."""
        return LOOPBACK if self.host == "0.0.0.0" else self.host  # noqa: S104


def programs(deployment: Deployment) -> list[Program]:
    """The six services and the gateway; with EDUSTREAM_APART=on, each service's worker beside its api, as operators run them."""
    commands = {**{name: (f"services.{name}", "all") for name in SERVICES}, GATEWAY: (GATEWAY,)}
    if deployment.given.get(APART) == "on":
        deployment = _with_ports_of_workers(deployment)
        commands |= {name: (f"services.{name}", "api") for name in SERVICES}
        commands |= {f"{name}{WORKER}": (f"services.{name}", "worker") for name in SERVICES}
    return [
        Program(
            name=name,
            command=(sys.executable, "-m", *command),
            module=command,
            env=environment(deployment, name),
            cwd=deployment.directory,
            is_ready=_is_ready(deployment, name),
            talks_json=True,
        )
        for name, command in commands.items()
    ]


def environment(deployment: Deployment, name: str) -> dict[str, str]:
    """The whole environment of one process."""
    service = name.removesuffix(WORKER)
    common = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "EDUSTREAM_ENV": deployment.given.get("EDUSTREAM_ENV", "local"),
        "EDUSTREAM_DATA": str(deployment.data),
        "PUBLIC_URL": deployment.public_url,
        "REDIS_URL": deployment.redis_url,
        "AMQP_URL": deployment.amqp_url,
        **{f"{service.upper()}_URL": f"http://{LOOPBACK}:{deployment.ports[service]}" for service in SERVICES},
    }
    given = _select(deployment.given, (*EVERYBODY, f"{service.upper()}_", *GIVEN.get(service, ())))
    special = _of_gateway(deployment) if name == GATEWAY else _of_service(deployment, service, deployment.ports[name])
    machine = {variable: os.environ[variable] for variable in MACHINE if variable in os.environ}
    return machine | given | common | special


def migration_environment(deployment: Deployment, service: str) -> dict[str, str]:
    """Migrations alone know the role that owns the database."""
    owner = {f"{service.upper()}_MIGRATION_DATABASE_URL": deployment.databases[service].owner}
    return environment(deployment, service) | owner


def _is_ready(deployment: Deployment, name: str) -> Callable[[], bool]:
    host = deployment.gateway_host if name == GATEWAY else LOOPBACK
    return partial(answers_200, deployment.ports[name], "/health/ready", host)


def _of_gateway(deployment: Deployment) -> dict[str, str]:
    return {"EDUSTREAM_HOST": deployment.host, "EDUSTREAM_PORT": str(deployment.ports[GATEWAY])}


def _with_ports_of_workers(deployment: Deployment) -> Deployment:
    chosen = {f"{name}{WORKER}": ports.choose() for name in SERVICES}
    return replace(deployment, ports={**deployment.ports, **chosen})


def _of_service(deployment: Deployment, name: str, port: int) -> dict[str, str]:
    variables = {
        "EDUSTREAM_HOST": LOOPBACK,
        f"{name.upper()}_PORT": str(port),
        f"{name.upper()}_DATABASE_URL": deployment.databases[name].runtime,
        f"{name.upper()}_MIGRATION_DATABASE_URL": "",
        "EDUSTREAM_INTERNAL_TOKEN": deployment.internal_token,
        "OBJECT_STORE_URL": deployment.given.get("OBJECT_STORE_URL") or f"file://{deployment.data / 'objects'}",
        **_select(deployment.given, OBJECT_STORE),
    }
    if name == "auth":
        variables["EDUSTREAM_JWT_PRIVATE_KEY"] = deployment.jwt_private_key
    return variables


def _select(given: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    wanted = tuple(wanted)
    prefixes = tuple(name for name in wanted if name.endswith("_"))
    like = [name for name in given if name.startswith(prefixes) and not name.endswith("_PASSWORD")]  # those of database roles
    return {name: given[name] for name in [*like, *wanted] if name in given}
