"""docker-compose.yml: no secret has a default, everything is bounded, and every variable is one that somebody reads."""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose_env
from deploy.compose_env import lines
from deploy.local.processes import SERVICES
from deploy.local.settings import ROOT
from gateway.settings import GatewaySettings
from shared.service import find
from shared.settings import Settings, load

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = [name for name in COMPOSE if name == "gateway" or name.rpartition("-")[0] in SERVICES]
SECRET = re.compile(r"\$\{(\w*(?:PASSWORD|TOKEN|PRIVATE_KEY))(\W[^}]*)?\}")
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^${}]*)|:\?[^${}]*)?\}")  # the innermost, since a default may have some in it
# read by the object store's client and by OpenTelemetry's SDK
LIBRARIES = ("AWS_", "OTEL_")
EXAMPLE = (ROOT / ".env.example").read_text()
# explained, but not for compose; the last are the same in every container
OF_THE_LAUNCHER = {"DATABASE_SERVER_URL", "EDUSTREAM_CACHE", "EDUSTREAM_DEMO", "EDUSTREAM_APART"}
OF_TESTS = {"EDUSTREAM_TEST_SERVERS", "KEEP_SERVERS"}
FIXED = {"EDUSTREAM_ENV", "EDUSTREAM_HOST", "EDUSTREAM_DATA", *(f"{service.upper()}_URL" for service in SERVICES)}
ONE_CHOICE = {"BOOKINGS_PAYMENT_PROVIDER"}  # as yet


def kind_of(name: str) -> str:
    return name.rpartition("-")[2]


def loaded(name: str) -> Settings:
    """The settings of a container as its process would load them here."""
    if name == "gateway":
        return load(GatewaySettings)
    service = name.rpartition("-")[0]
    return load(find(service).settings, service)


def filled(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container, as compose makes it of an operator's variables."""
    found = {}
    for variable, value in COMPOSE[name]["environment"].items():
        text = given.get(variable) if value is None else str(value)
        while text and VARIABLE.search(text):
            text = VARIABLE.sub(lambda m: given.get(m[1]) or m[2] or "", text)
        if text is not None:
            found[variable] = text
    return found


def secrets() -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines("admin@example.com") if "=" in line)


@pytest.mark.parametrize("name", COMPOSE)
def test_everything_is_restarted_and_bounded(name: str) -> None:
    of = COMPOSE[name]
    assert of["restart"] == ("on-failure:5" if kind_of(name) == "migrate" else "unless-stopped")
    assert of["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_hardened_and_checked(name: str) -> None:
    of = COMPOSE[name]
    assert (of["read_only"], of["cap_drop"], of["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert (of.get("healthcheck") == {"disable": True}) == (kind_of(name) == "migrate")  # else the image's own
    if kind_of(name) in ("api", "worker"):
        assert of["deploy"]["replicas"] == f"${{{kind_of(name).upper()}_REPLICAS:-1}}"


def test_every_variable_of_compose_is_explained_and_what_is_explained_is_heeded() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) | {
        name for of in COMPOSE.values() for name, value in dict(of.get("environment", {})).items() if value is None
    }
    explained = set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))
    of_services = {f"{service.upper()}_{name}" for service in SERVICES for name in ("DATABASE_POOL", "MIGRATION_DATABASE_URL")}
    assert used - explained - of_services == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT"}
    assert explained - used == OF_THE_LAUNCHER | OF_TESTS | FIXED


def test_make_secrets_writes_the_address_that_it_is_given_and_never_writes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDUSTREAM_ADMIN_EMAIL", "root@yours.example")

    assert compose_env.main([]) == 0
    written = (tmp_path / ".env").read_text()
    assert "EDUSTREAM_ADMIN_EMAIL=root@yours.example\n" in written
    assert compose_env.main([]) == 1
    assert (tmp_path / ".env").read_text() == written


def test_make_secrets_says_what_address_is_to_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDUSTREAM_ADMIN_EMAIL", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    assert compose_env.main([]) == 0
    assert "admin@example.com: change it" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("--email=me@yours.example", 2)])
def test_make_secrets_writes_nothing_when_it_is_asked_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as left:
        compose_env.main([word])

    assert left.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_no_secret_has_a_default_and_make_secrets_makes_them_all() -> None:
    made = {line.partition("=")[0] for line in lines("admin@example.com")}
    optional = {"GRAFANA_PASSWORD"}  # refused by its container, which is one of a profile
    used = {match[1]: match[2] or "" for match in SECRET.finditer(TEXT) if match[1] not in optional}
    assert {name for name in used if not any(f"${{{name}:?" in line for line in TEXT.splitlines())} == set()
    assert used.keys() <= made
    assert not re.search(r"(PASSWORD|TOKEN|PRIVATE_KEY):-[^}]", TEXT)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_process_reads(name: str) -> None:
    service = name.rpartition("-")[0]
    kind: type[Settings] = GatewaySettings if name == "gateway" else find(service).settings
    known = {
        str(f.validation_alias or f"{service}_{field}".upper()) for field, f in kind.model_fields.items() if field != "service"
    }
    everybodys = {f"{other.upper()}_URL" for other in SERVICES}
    assert {v for v in COMPOSE[name]["environment"] if not v.startswith(LIBRARIES)} - everybodys - known - {
        "EDUSTREAM_DATA"
    } == set()
    required = {str(f.validation_alias) for f in kind.model_fields.values() if f.is_required() and f.validation_alias}
    assert required <= COMPOSE[name]["environment"].keys()
    assert known - COMPOSE[name]["environment"].keys() - OF_THE_LAUNCHER - ONE_CHOICE == set()


@pytest.mark.parametrize("name", OURS)
def test_every_default_is_one_that_its_process_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", filled(name, secrets()))

    assert loaded(name).env == "production"


@pytest.mark.parametrize("name", OURS)
def test_every_example_of_the_env_file_is_one_that_its_process_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.findall(r"^#([A-Z]\w*=.+)$", EXAMPLE, re.MULTILINE)
    (tmp_path / ".env").write_text("\n".join([*shown, *lines("admin@example.com")]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {})

    assert loaded(name).env == "local"


@pytest.mark.parametrize("service", SERVICES)
def test_servers_of_an_operators_own_take_the_place_of_those_of_compose(service: str) -> None:
    of = f"{service.upper()}_"
    own = {"AMQP_URL": "amqps://own/", "REDIS_URL": "rediss://own/", f"{of}DATABASE_URL": "postgresql://own"}
    owner = {f"{of}MIGRATION_DATABASE_URL": "postgresql://owner"}
    for kind in ("migrate", "api", "worker"):
        assert own.items() <= filled(f"{service}-{kind}", secrets() | own).items()
        assert (own | owner).items() <= filled(f"{service}-{kind}", secrets() | own | owner).items()

    alone = filled(f"{service}-migrate", secrets() | own)
    assert alone[f"{of}MIGRATION_DATABASE_URL"] == "postgresql://own", "never the database of compose, which nobody would use"
    assert COMPOSE[f"{service}-migrate"]["networks"] == COMPOSE[f"{service}-api"]["networks"]


def test_notifications_are_told_who_sends_and_by_whom() -> None:
    told = COMPOSE["notifications-worker"]["environment"].keys()
    mine = {f"NOTIFICATIONS_{field.upper()}" for field in ("mail_from", "web_url", "push_provider", "sms_provider")}
    assert mine | {"SMTP_URL"} <= told


def test_only_the_gateway_is_published_and_the_servers_have_no_way_out() -> None:
    published = {name: of["ports"] for name, of in COMPOSE.items() if "ports" in of}
    assert published.keys() == {"gateway", "prometheus", "grafana"}
    assert all(port.startswith(("127.0.0.1:", "${EDUSTREAM_BIND:-127.0.0.1}:")) for (port,) in published.values())
    assert {name for name, of in COMPOSE.items() if of["networks"] == ["inside"]} >= {"postgres", "redis", "rabbitmq"}
