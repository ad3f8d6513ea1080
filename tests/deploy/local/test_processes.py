"""What each process is told: all it needs, and nobody else's secrets."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.local.databases import DatabaseUrls
from deploy.local.processes import GATEWAY, SERVICES, Deployment, environment, migration_environment, programs

GIVEN = {
    "EDUSTREAM_ADMIN_EMAIL": "root@example.com",
    "EDUSTREAM_ADMIN_PASSWORD": "admin-secret",
    "SMTP_URL": "smtp://smtp-secret",
    "NOTIFICATIONS_MAIL_FROM": "sender@example.com",
    "NOTIFICATIONS_SMS_PROVIDER": "acme.sms:channel",
    "EDUSTREAM_RATE_LIMIT_LOGIN": "off",
    "LOG_LEVEL": "DEBUG",
    "BOOKINGS_DATABASE_POOL": "7",
    "BOOKINGS_OWNER_PASSWORD": "role-secret",
    "DATABASE_SERVER_URL": "postgresql://postgres:server-secret@db",
    "AWS_SECRET_ACCESS_KEY": "store-secret",
    "UNRELATED": "unrelated-secret",
}


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(
        directory=tmp_path,
        data=tmp_path,
        ports={name: 20_000 + number for number, name in enumerate((*SERVICES, GATEWAY))},
        databases={name: DatabaseUrls(f"postgresql://{name}-runtime", f"postgresql://{name}-owner") for name in SERVICES},
        redis_url="redis://",
        amqp_url="amqp://",
        internal_token="token-secret",
        jwt_private_key="key-secret",
        given=GIVEN,
    )


def who_knows(deployment: Deployment, word: str) -> set[str]:
    """The processes whose environment has this word in it."""
    return {name for name in (*SERVICES, GATEWAY) if word in str(environment(deployment, name))}


@pytest.mark.parametrize("service", SERVICES)
def test_a_database_is_known_to_its_own_service_only(deployment: Deployment, service: str) -> None:
    assert who_knows(deployment, f"{service}-runtime") == {service}


@pytest.mark.parametrize("service", SERVICES)
def test_the_role_that_owns_a_database_is_known_to_its_migrations_only(deployment: Deployment, service: str) -> None:
    assert who_knows(deployment, f"{service}-owner") == set()
    assert f"{service}-owner" in str(migration_environment(deployment, service))


@pytest.mark.parametrize(
    ("secret", "knowing"),
    [
        ("key-secret", {"auth"}),
        ("admin-secret", {"auth"}),
        ("smtp-secret", {"notifications"}),
        ("sender@example.com", {"notifications"}),
        ("acme.sms:channel", {"notifications"}),
        ("token-secret", set(SERVICES)),
        ("store-secret", set(SERVICES)),
        ("server-secret", set()),
        ("role-secret", set()),
        ("unrelated-secret", set()),
    ],
)
def test_a_secret_is_known_to_those_who_need_it(deployment: Deployment, secret: str, knowing: set[str]) -> None:
    assert who_knows(deployment, secret) == knowing


def test_everybody_is_told_where_the_services_are(deployment: Deployment) -> None:
    for name in (*SERVICES, GATEWAY):
        told = environment(deployment, name)
        assert [told[f"{service.upper()}_URL"] for service in SERVICES] == [f"http://127.0.0.1:{20_000 + n}" for n in range(6)]


def test_an_operators_settings_reach_the_process_they_are_for(deployment: Deployment) -> None:
    assert environment(deployment, GATEWAY)["EDUSTREAM_RATE_LIMIT_LOGIN"] == "off"
    assert environment(deployment, "bookings")["BOOKINGS_DATABASE_POOL"] == "7"
    assert environment(deployment, "auth")["LOG_LEVEL"] == "DEBUG"


def test_links_point_to_the_gateways_own_port(deployment: Deployment) -> None:
    assert environment(deployment, "auth")["PUBLIC_URL"] == "http://localhost:20006"


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It is for nobody."""


@pytest.mark.parametrize(("host", "public"), [("0.0.0.0", "localhost"), ("127.0.0.1", "localhost"), ("127.0.0.2", "127.0.0.2")])
def test_the_gateway_is_asked_where_it_listens(deployment: Deployment, host: str, public: str) -> None:
    with HTTPServer((host, 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        there = replace(deployment, host=host, ports={**deployment.ports, GATEWAY: port})
        (gateway,) = [program for program in programs(there) if program.name == GATEWAY]

        assert gateway.is_ready()
        assert there.public_url == f"http://{public}:{port}"
        server.shutdown()


def test_apart_each_service_answers_in_one_process_and_works_in_another(deployment: Deployment) -> None:
    found = {program.name: program for program in programs(replace(deployment, given={"EDUSTREAM_APART": "on"}))}

    assert found.keys() == {*SERVICES, *(f"{name}-worker" for name in SERVICES), GATEWAY}
    api, worker = found["auth"], found["auth-worker"]
    assert (api.command[-2:], worker.command[-2:]) == (("services.auth", "api"), ("services.auth", "worker"))
    assert len({program.env.get(f"{name.removesuffix('-worker').upper()}_PORT", name) for name, program in found.items()}) == 13
    assert {name for name in api.env if api.env[name] != worker.env[name]} == {"AUTH_PORT"}
