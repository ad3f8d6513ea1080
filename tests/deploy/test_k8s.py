"""The manifests are what the table says, Kubernetes would take them, and no pod may or knows more than it must."""

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.k8s.__main__ import FOLDER, render
from deploy.k8s.manifests import files
from deploy.k8s.table import SERVICES
from gateway.settings import GatewaySettings
from shared.service import find
from shared.settings import ServiceSettings, Settings

VERSION = "1.34"
NEEDED = "{0}_DATABASE_URL {0}_PORT EDUSTREAM_INTERNAL_TOKEN AMQP_URL REDIS_URL AUTH_URL EDUSTREAM_ENV EDUSTREAM_HOST PUBLIC_URL"
OBJECTS = [o for name, objects in files().items() if not name.endswith("kustomization.yaml") for o in objects]
WORKLOADS = [o for o in OBJECTS if o["kind"] in ("Deployment", "Job")]
CONFIGS = {o["metadata"]["name"]: o["data"] for o in OBJECTS if o["kind"] == "ConfigMap"}
SECRET_WORDS = ("PASSWORD", "TOKEN", "KEY", "DATABASE_URL", "AMQP_URL", "REDIS_URL", "SMTP_URL")


def name(of: dict[str, Any]) -> str:
    return f"{of['kind']} {of['metadata']['name']}"


def labels(of: dict[str, Any]) -> dict[str, str]:
    return dict(of["spec"]["template"]["metadata"]["labels"])


def container(of: dict[str, Any]) -> dict[str, Any]:
    (only,) = of["spec"]["template"]["spec"]["containers"]
    return dict(only)


def told(of: dict[str, Any]) -> set[str]:
    """The variables of a workload's container."""
    configs = [CONFIGS[source["configMapRef"]["name"]] for source in container(of)["envFrom"]]
    return {entry["name"] for entry in container(of)["env"]} | {key for config in configs for key in config}


def variables(kind: type[Settings], service: str = "") -> set[str]:
    return {str(f.validation_alias or f"{service}_{field}".upper()) for field, f in kind.model_fields.items()}


def selects(policy: dict[str, Any], workload: dict[str, Any]) -> bool:
    wanted: dict[str, str] = policy["spec"]["podSelector"].get("matchLabels", {})
    return wanted.items() <= labels(workload).items()


def may_call(caller: dict[str, Any], callee: dict[str, Any]) -> bool:
    """Whether policies let one pod open a connection to another: the one out, and the other in."""
    policies = [o for o in OBJECTS if o["kind"] == "NetworkPolicy"]

    def lets(rules: list[dict[str, Any]], side: str, other: dict[str, Any]) -> bool:
        peers = [peer for rule in rules for peer in rule.get(side, [{"podSelector": {}}])]
        selectors = [peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer]
        return any(selector.get("matchLabels", {}).items() <= labels(other).items() for selector in selectors)

    out = any(selects(p, caller) and lets(p["spec"].get("egress", []), "to", callee) for p in policies)
    into = any(selects(p, callee) and lets(p["spec"].get("ingress", []), "from", caller) for p in policies)
    return out and into


def test_the_committed_manifests_are_what_the_table_says() -> None:
    written = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.glob("*/*.yaml")}
    assert written == {path: render(objects) for path, objects in files().items()}, "run `make k8s` and commit"


@pytest.mark.parametrize("of", OBJECTS, ids=name)
def test_kubernetes_takes_every_object(of: dict[str, Any]) -> None:
    (read,) = yaml.safe_load_all(render([of]))
    kubernetes_validate.validate(read, VERSION, strict=True)


@pytest.mark.parametrize("of", WORKLOADS, ids=name)
def test_every_container_is_hardened_and_bounded(of: dict[str, Any]) -> None:
    pod, its = of["spec"]["template"]["spec"], container(of)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert its["securityContext"]["readOnlyRootFilesystem"] is True
    assert its["securityContext"]["allowPrivilegeEscalation"] is False
    assert its["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert its["resources"]["requests"].keys() == its["resources"]["limits"].keys() == {"cpu", "memory"}
    if of["kind"] == "Deployment":
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= its.keys()


def test_postgresql_has_a_connection_for_all_that_may_run_at_once() -> None:
    """Every pool at its largest, every autoscaler at its most, and all in the middle of a rollout."""
    most = {o["metadata"]["name"]: o["spec"]["maxReplicas"] + 1 for o in OBJECTS if o["kind"] == "HorizontalPodAutoscaler"}
    pool: int = ServiceSettings.model_fields["database_pool"].default
    needed = sum(count * (pool + 2 * pod.endswith("-worker")) for pod, count in most.items() if pod != "gateway")
    (stated,) = re.findall(r"`max_connections = (\d+)`", (FOLDER / "README.md").read_text())
    assert needed <= int(stated)


@pytest.mark.parametrize("folder", ["base", "migrate", "run"])
def test_a_kustomization_names_every_file_beside_it(folder: str) -> None:
    named = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())["resources"]
    beside = {path.name for path in (FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml"}
    assert len(named) == len(set(named))
    assert set(named) - {"../base"} == beside
    assert ("../base" in named) == (folder != "base")


@pytest.mark.parametrize("of", WORKLOADS, ids=name)
def test_secrets_are_references(of: dict[str, Any]) -> None:
    for entry in container(of)["env"]:
        assert "secretKeyRef" in entry.get("valueFrom", {}) or not entry["name"].endswith(SECRET_WORDS), entry["name"]
    for config in CONFIGS.values():
        assert not [key for key in config if key.endswith(SECRET_WORDS)]
    assert not [o for o in OBJECTS if o["kind"] == "Secret"]


@pytest.mark.parametrize("of", WORKLOADS, ids=name)
def test_every_variable_is_one_that_the_process_reads_and_none_is_missing(of: dict[str, Any]) -> None:
    service = labels(of)["app.kubernetes.io/name"]
    kind: type[Settings] = GatewaySettings if service == "gateway" else find(service).settings
    known = variables(kind, service)

    assert {v for v in told(of) if not v.startswith("AWS_")} <= known
    required = {str(f.validation_alias) for f in kind.model_fields.values() if f.is_required() and f.validation_alias}
    neighbours = {v for v in known if v.endswith("_URL") and v.removesuffix("_URL").lower() in SERVICES} - {"AUTH_URL"}
    assert required | neighbours <= told(of)
    if service != "gateway":
        assert set(NEEDED.format(service.upper()).split()) <= told(of)
    assert ("OWNER" in str(of) or f"{service.upper()}_MIGRATION_DATABASE_URL" in told(of)) == (of["kind"] == "Job")


@pytest.mark.parametrize("callee", WORKLOADS, ids=name)
def test_a_service_is_reached_by_the_gateway_and_those_who_ask_it_only(callee: dict[str, Any]) -> None:
    service, kind = (labels(callee)[f"app.kubernetes.io/{part}"] for part in ("name", "component"))
    for caller in WORKLOADS:
        who = labels(caller)["app.kubernetes.io/name"]
        if who == "gateway":
            expected = kind == "api"
        elif caller["kind"] == "Job" or service == "gateway":
            expected = False
        else:
            expected = kind == "api" and f"{service.upper()}_URL" in told(caller) and (who, service) != ("auth", "auth")
        assert may_call(caller, callee) == expected, (name(caller), name(callee))


def test_databases_broker_and_cache_are_reached_by_services_only() -> None:
    def backing(of: dict[str, Any]) -> set[str]:
        rules = [r for p in OBJECTS if p["kind"] == "NetworkPolicy" and selects(p, of) for r in p["spec"].get("egress", [])]
        found = [peer.get("podSelector", {}).get("matchLabels", {}) for rule in rules for peer in rule["to"]]
        return {match["edustream.io/backing"] for match in found if "edustream.io/backing" in match}

    for of in WORKLOADS:
        wanted = {"rabbitmq", "redis"} if name(of) == "Deployment gateway" else {"rabbitmq", "redis", "postgres"}
        assert backing(of) == (wanted if of["kind"] == "Deployment" else {"postgres", "rabbitmq"})


def test_every_deployment_has_an_autoscaler_from_two_on_and_a_budget() -> None:
    deployments = {o["metadata"]["name"] for o in OBJECTS if o["kind"] == "Deployment"}
    scalers = [o for o in OBJECTS if o["kind"] == "HorizontalPodAutoscaler"]
    assert {s["spec"]["scaleTargetRef"]["name"] for s in scalers} == deployments
    assert all(s["spec"]["minReplicas"] >= 2 for s in scalers)
    assert {o["metadata"]["name"] for o in OBJECTS if o["kind"] == "PodDisruptionBudget"} == deployments
    assert len(deployments) == 1 + 2 * len(SERVICES)
