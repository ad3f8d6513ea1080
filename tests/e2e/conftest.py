"""The whole suite as an operator would run it: every service a process, one gateway, real servers, real mail."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any

import httpx
import pytest
import redis.asyncio as redis
from aiosmtpd.controller import Controller

from deploy.local import ports
from deploy.local.processes import SERVICES
from deploy.local.suite import Suite
from deploy.openapi import FILE
from shared.service import declare_queue, find, run_command
from tests.clients import plain_client
from tests.contracts.openapi import Judge
from tests.e2e.authorisation.cast import Cast, assemble
from tests.e2e.authorisation.things import Things
from tests.e2e.authorisation.walk import Findings, walk
from tests.e2e.collector import Collector, collecting
from tests.e2e.people import Person, close_clients, signs_in
from tests.e2e.scenario import Scenario
from tests.harness import settings_of
from tests.servers import Databases
from tests.waiting import eventually

ADMIN, ADMIN_PASSWORD = "admin@example.com", "admin12345"


class Mailbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.url = ""
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy))
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]

    async def holds(self, address: str, words: str, within: float = 15) -> EmailMessage:
        """Waits for a mail to `address` whose subject or text has these words."""

        async def look() -> list[EmailMessage]:
            return [mail for mail in self.to(address) if words in str(mail["Subject"]) or words in text_of(mail)]

        return (await eventually(look, within))[0]


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part else ""


@contextmanager
def receiving() -> Iterator[Mailbox]:
    box = Mailbox()
    port = ports.choose(0)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    yield box
    controller.stop()


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    with receiving() as box:
        yield box


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="package")
async def suite(
    databases: Databases,
    redis_url: str,
    new_vhost: Callable[[str], str],
    mailbox: Mailbox,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Suite]:
    """All services and the gateway as processes, without rate limits. They end with this package and leave nothing in the
    databases and the revocations that they share with the tests of single services."""
    amqp_url = new_vhost("e2e")
    for name in SERVICES:
        await prepared(name, databases[name], amqp_url)
    unlimited = {f"EDUSTREAM_RATE_LIMIT_{name}": "off" for name in ("REGISTER", "LOGIN", "DEFAULT")}
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "1000"}
    directory = tmp_path_factory.mktemp("suite")
    async with Suite.on(directory, databases, redis_url, amqp_url, SMTP_URL=mailbox.url, **unlimited, **traced) as running:
        yield running
        await close_clients()
    databases.empty()
    async with redis.from_url(redis_url) as client:
        await client.flushdb()


async def prepared(name: str, database_url: str, amqp_url: str) -> None:
    """What a service does after its migrations: its queue (it keeps what is said before the start), seeds, an administrator."""
    service = find(name)
    values = {"database_url": database_url, "redis_url": "redis://unused", "amqp_url": amqp_url}
    settings = settings_of(service, admin_email=ADMIN, admin_password=ADMIN_PASSWORD, **values)
    await declare_queue(service, settings)
    if service.prepare:
        await run_command(service.prepare, settings)


@pytest.fixture(scope="package")
def gateway(suite: Suite) -> str:
    return suite.gateway_url


@pytest.fixture(scope="package")
async def administrator(gateway: str) -> Person:
    return await signs_in(gateway, ADMIN, ADMIN_PASSWORD)


@pytest.fixture(scope="package")
async def cast(suite: Suite, administrator: Person) -> Cast:
    """Callers of every kind."""
    return await assemble(suite, administrator)


@pytest.fixture(scope="package")
def things(cast: Cast, gateway: str, databases: Databases) -> Things:
    """Makes what requests are about."""
    return Things(cast, gateway, databases)


@pytest.fixture(scope="package")
async def findings(suite: Suite, cast: Cast, things: Things) -> Findings:
    """What every caller was answered on every route."""
    return await walk(suite, cast, things)


@pytest.fixture(scope="package")
async def nobody(gateway: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is not signed in."""
    async with plain_client(base_url=gateway, timeout=20) as client:
        yield client


@pytest.fixture(scope="package")
async def judge(nobody: httpx.AsyncClient) -> Judge:
    """The gateway's own document, as soon as every service has said what it offers."""

    kept = json.loads(FILE.read_text())["paths"].keys()

    async def whole() -> dict[str, Any]:
        document: dict[str, Any] = (await nobody.get("/openapi.json")).json()
        return document if kept <= document.get("paths", {}).keys() else {}

    return Judge(await eventually(whole, 60))


@pytest.fixture(scope="package")
async def scenario(suite: Suite, administrator: Person) -> Scenario:
    """A student, a tutor, an administrator, and what may be between them."""
    return await Scenario.begin(suite, administrator)
