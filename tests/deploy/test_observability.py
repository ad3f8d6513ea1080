"""What dashboards and alerts ask for is exported, every alert has its page, and Prometheus understands the files."""

import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.k8s.manifests import NAMESPACE, files
from deploy.local.databases import scratch
from deploy.local.processes import SERVICES
from deploy.local.settings import ROOT
from tests.servers import Servers

FOLDER = ROOT / "deploy" / "observability"
MODULES = [
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.glob("*/metrics.py")) + sorted(ROOT.glob("services/*/metrics.py"))
]
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
FROM_ELSEWHERE = {"up", "process_resident_memory_bytes"}  # of Prometheus itself, and of its client library
NO_NAMES = re.compile(r"\{[^}]*\}|\[[^]]*\]|\b(by|on) *\([^)]*\)|\b(or|and|unless)\b")  # labels, durations, and operators
NAME = re.compile(r"\b[a-z]\w*\b(?! *\()")  # but for functions


def alerts() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def queries() -> list[str]:
    boards = [json.loads(path.read_text()) for path in (FOLDER / "grafana" / "dashboards").glob("*.json")]
    return [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]


def exported() -> set[str]:
    families = [family for family in REGISTRY.collect() if family.name.startswith("edustream_")]
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


def asked() -> set[str]:
    return {name for text in [*queries(), *(rule["expr"] for rule in alerts())] for name in NAME.findall(NO_NAMES.sub("", text))}


def test_what_dashboards_and_alerts_ask_for_is_exported() -> None:
    assert len(MODULES) == 5
    assert asked() - FROM_ELSEWHERE <= exported()


def test_every_metric_is_on_a_dashboard() -> None:
    families = {name for name in exported() if not name.endswith(("_bucket", "_sum", "_created"))}
    shown = " ".join(queries())
    assert [n for n in sorted(families) if n not in shown and n.removesuffix("_count") not in shown] == []


def test_every_alert_has_its_page_in_the_operators_handbook() -> None:
    pages = re.findall(r"^### (\w+)$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    assert [rule["alert"] for rule in alerts()] == pages
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"  # type: ignore[index]


def test_the_statements_of_the_operators_handbook_can_be_run_as_they_are(servers: Servers) -> None:
    (statements,) = re.findall(r"^```sql\n(.*?)^```$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE | re.DOTALL)
    with scratch(servers.postgres, "handbook") as url, psycopg.connect(url) as connection:
        if "pg_stat_statements" not in str(connection.execute("SHOW shared_preload_libraries").fetchone()):
            pytest.skip("these servers are somebody's, and do not count statements")
        *before, query = statements.strip().rstrip(";").split(";")
        for statement in before:
            connection.execute(statement.encode())
        assert connection.execute(query.encode()).fetchall()


def test_no_password_is_shown_on_a_command_line() -> None:
    commands = re.findall(r"`(docker compose exec [^`]*)`", (ROOT / "docs" / "operating.md").read_text())
    asking = [command for command in commands if "password" in command.lower()]
    assert len(asking) == 3
    assert not any("…" in command or "PASSWORD '" in command for command in asking)


def test_prometheus_asks_every_process_of_compose_and_misses_each_that_is_gone() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    found = {name for job in config["scrape_configs"] for dns in job["dns_sd_configs"] for name in dns["names"]}
    assert found == {"gateway", "rabbitmq"} | {f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker")}
    named = {"source_labels": ["__meta_dns_name"], "target_label": "name"}
    assert all(named in job["relabel_configs"] for job in config["scrape_configs"])

    (rule,) = [rule["expr"] for rule in alerts() if rule["alert"] == "ProcessDown"]
    assert set(re.findall(r'absent\(up\{name="([\w-]+)"\}\)', rule)) == found


@pytest.mark.parametrize("alert", ["ProcessDown", "ReplicaGone"])
def test_whoever_is_not_of_edustream_wakes_nobody(alert: str) -> None:
    (rule,) = [rule["expr"] for rule in alerts() if rule["alert"] == alert]
    (meant,) = set(re.findall(r'\bup\{name=~"([^"]+)"\}', rule))
    ours = ["gateway", "rabbitmq", *(f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker"))]

    assert [name for name in (*ours, "", "shop-api", "auth-apis") if re.fullmatch(meant, name)] == ours
    assert not re.search(r"\bup\b(?!\{name=)", rule)


def test_on_kubernetes_pods_have_the_names_that_compose_gives() -> None:
    (job,) = yaml.safe_load((FOLDER / "kubernetes.yml").read_text())["scrape_configs"]
    pods = [o["spec"]["template"]["metadata"] for objects in files().values() for o in objects if o["kind"] == "Deployment"]
    found = [relabelled(job["relabel_configs"], pod) for pod in pods]

    assert {labels["__address__"] for labels in found} == {"10.0.0.1:8000"}
    assert {labels["__metrics_path__"] for labels in found} == {"/metrics"}
    assert {(labels["job"], labels["name"]) for labels in found} == {("gateway", "gateway")} | {
        (kind, f"{service}-{kind}") for service in SERVICES for kind in ("api", "worker")
    }


def relabelled(rules: list[dict[str, Any]], pod: dict[str, Any]) -> dict[str, str]:
    """What Prometheus makes of a pod's labels and annotations."""
    found = {"__meta_kubernetes_pod_ip": "10.0.0.1", "__meta_kubernetes_pod_phase": "Running"}
    for kind in ("label", "annotation"):
        said = pod[f"{kind}s"].items()
        found |= {f"__meta_kubernetes_pod_{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value for name, value in said}
    for rule in rules:
        value = rule.get("separator", ";").join(found.get(label, "") for label in rule["source_labels"])
        fits = re.fullmatch(rule.get("regex", "(.*)"), value)
        assert fits or rule.get("action") != "keep", rule
        if fits and "target_label" in rule:
            found[rule["target_label"]] = rule.get("replacement", value)
    return found


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on this machine: it comes with Debian's package prometheus")
    return found


def test_prometheus_understands_its_files(promtool: str, tmp_path: Path) -> None:
    rules = tmp_path / "dashboards.yml"
    records = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(queries())]
    rules.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": records}]}))
    cluster = tmp_path / "kubernetes.yml"
    (job,) = yaml.safe_load((FOLDER / "kubernetes.yml").read_text())["scrape_configs"]
    found = job.pop("kubernetes_sd_configs")  # Debian builds promtool without it
    cluster.write_text(json.dumps({"scrape_configs": [job]}))
    assert found == [{"role": "pod", "namespaces": {"names": [NAMESPACE]}}]
    for kind, path in (("config", FOLDER / "prometheus.yml"), ("config", cluster), ("rules", rules)):
        done = subprocess.run([promtool, "check", kind, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should(promtool: str, tmp_path: Path) -> None:
    for path in (FOLDER / "alerts.yml", Path(__file__).with_name("alert_cases.yml")):
        shutil.copy(path, tmp_path)
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "alert_cases.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
