"""What dashboards and alerts ask for is exported, every alert has its page, and Prometheus understands the files."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import gateway.metrics
import services.notifications.metrics
import shared.metrics
from deploy.local.processes import SERVICES
from deploy.local.settings import ROOT

FOLDER = ROOT / "deploy" / "observability"
MODULES = (gateway.metrics, services.notifications.metrics, shared.metrics)
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
FROM_ELSEWHERE = {"up", "process_resident_memory_bytes"}  # of Prometheus itself, and of its client library
METRIC = re.compile(r"\b(edustream_\w+|process_\w+|up\b)")


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
    return {name for text in [*queries(), *(rule["expr"] for rule in alerts())] for name in METRIC.findall(text)}


def test_what_dashboards_and_alerts_ask_for_is_exported() -> None:
    assert len(MODULES) == 3
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


def test_prometheus_asks_every_process_of_compose() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    found = {name for job in config["scrape_configs"] for dns in job["dns_sd_configs"] for name in dns["names"]}
    assert found == {"gateway", "rabbitmq"} | {f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker")}


def test_prometheus_understands_its_files(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine: it comes with Debian's package prometheus")
    rules = tmp_path / "dashboards.yml"
    records = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(queries())]
    rules.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": records}]}))
    for kind, path in (("config", FOLDER / "prometheus.yml"), ("rules", rules)):
        done = subprocess.run([promtool, "check", kind, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
