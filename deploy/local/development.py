"""What `make run` needs before the first process starts: databases, ports and secrets of the `dev` instance."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

from deploy.local import ports
from deploy.local.databases import DatabaseUrls, provision
from deploy.local.errors import LaunchError
from deploy.local.processes import SERVICES, Deployment
from deploy.local.secrets import Secrets, load_or_create
from deploy.local.servers import Instance
from deploy.local.settings import GATEWAY_PORT, Settings
from deploy.local.suite import choose_ports, ports_in_use

ADMIN = {"EDUSTREAM_ADMIN_EMAIL": "admin@example.com", "EDUSTREAM_ADMIN_PASSWORD": "admin12345"}
FRONT_ENDS = {"CORS_ORIGINS": "*"}  # in development, each is served from another port; tokens are in a header, not in cookies


def gateway_port(settings: Settings) -> int:
    """EDUSTREAM_PORT if given, and then it has to be free; else 8000 or the next free one."""
    given = settings.get("EDUSTREAM_PORT")
    if not ports.is_free(0, settings.host):  # of an address that is this machine's, some port always is
        raise LaunchError(f"EDUSTREAM_HOST is {settings.host!r}: set it to an IPv4 address of this machine, or 0.0.0.0.")
    if not given:
        return ports.next_free(GATEWAY_PORT, settings.host)
    if not given.isdigit() or not 0 < int(given) < 65_536:
        raise LaunchError(f"EDUSTREAM_PORT is {given!r}: set it to a number between 1 and 65535.")
    if not ports.is_free(int(given), settings.host):
        raise LaunchError(f"Port {given} is taken: stop what listens there, or set EDUSTREAM_PORT to another.")
    ports.promised.add(int(given))
    return int(given)


def deployment(
    instance: Instance, databases: Mapping[str, DatabaseUrls], gateway: int = 0, *, running: bool = False
) -> Deployment:
    """What the processes are told; asks for the servers' URLs, so they must be settled."""
    remembered = instance.directory / "ports.json"
    settings, secrets, urls = instance.settings, load_secrets(instance), instance.urls()
    servers = frozenset(urlsplit(url).port or 0 for url in (urls.postgres, urls.redis, urls.amqp))
    return Deployment(
        directory=instance.directory,
        data=settings.data,
        ports=ports_in_use(remembered) if running else choose_ports(remembered, gateway, servers),
        databases=databases,
        redis_url=urls.redis,
        amqp_url=urls.amqp,
        internal_token=settings.get("EDUSTREAM_INTERNAL_TOKEN", secrets.internal_token),
        jwt_private_key=settings.get("EDUSTREAM_JWT_PRIVATE_KEY", secrets.jwt_private_key),
        host=settings.host,
        given={**ADMIN, **FRONT_ENDS, **settings.environment},
    )


def prepare_databases(instance: Instance) -> dict[str, DatabaseUrls]:
    """A database and its roles for each service that has none of its own given. PostgreSQL must run."""
    passwords = load_secrets(instance).passwords
    given = {name: urls for name in SERVICES if (urls := _given_database(instance.settings, name))}
    missing = [name for name in SERVICES if name not in given]
    if not missing:
        return given
    create = partial(provision, instance.urls().postgres)
    with ThreadPoolExecutor(len(missing)) as pool:
        made = pool.map(lambda name: create(name, f"edustream_{name}", passwords[name]), missing)
        return given | dict(zip(missing, made, strict=True))


def load_secrets(instance: Instance) -> Secrets:
    """Those of this checkout."""
    with instance.lock():  # of two who make them at once one would be left with passwords that are not kept
        return load_or_create(instance.directory / "secrets.json", SERVICES)


def _given_database(settings: Settings, service: str) -> DatabaseUrls | None:
    runtime = settings.get(f"{service.upper()}_DATABASE_URL")
    owner = settings.get(f"{service.upper()}_MIGRATION_DATABASE_URL", runtime)
    return DatabaseUrls(runtime, owner) if runtime else None
