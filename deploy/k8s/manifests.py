"""Every object, by the file that it is written to."""

from deploy.k8s import policies
from deploy.k8s.pods import PORT, Json, gateway_environment, labels, pod, service_environment
from deploy.k8s.table import CONFIG, FILES, GATEWAY_CONFIG, ROWS, Row

NAMESPACE = "edustream"
IMAGES = "edustream"
VERSION = "1.0.0"  # kustomization.yaml of `run` and `migrate` sets another: `kustomize edit set image`
KEEP_JOB = 86_400  # seconds
MOST_APIS, MOST_WORKERS = 4, 3  # of each service: PostgreSQL has to have connections for all of them, see README.md


def files() -> dict[str, list[Json]]:
    """Path below deploy/k8s → objects."""
    run = {f"run/{row.name}.yaml": service(row) for row in ROWS} | {"run/gateway.yaml": gateway()}
    migrate = {f"migrate/{row.name}.yaml": [migration(row), policies.of_migration(row)] for row in ROWS}
    return {
        "base/common.yaml": common(),
        "base/kustomization.yaml": [kustomization(["common.yaml"])],
        **migrate,
        "migrate/kustomization.yaml": [kustomization(["../base", *(f"{row.name}.yaml" for row in ROWS)])],
        **run,
        "run/kustomization.yaml": [kustomization(["../base", *(path.removeprefix("run/") for path in run)])],
    }


def kustomization(resources: list[str]) -> Json:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": resources,
    }


def common() -> list[Json]:
    """The namespace, what all are told, and that nothing may talk to anything unless another policy says so."""
    enforced = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": enforced}},
        _config("edustream-config", CONFIG),
        _config("edustream-files", FILES),
        _config("edustream-gateway", GATEWAY_CONFIG),
        policies.deny_everything(),
        policies.everybody(),
    ]


def gateway() -> list[Json]:
    template = pod("gateway", "gateway", _image("gateway"), gateway_environment(), ["edustream-config", "edustream-gateway"])
    return [_service("gateway", "gateway"), *_scaled("gateway", "gateway", template, 10), policies.of_gateway()]


def service(row: Row) -> list[Json]:
    configs = ["edustream-config", *(["edustream-files"] if row.files else [])]
    found = [_service(row.name, "api")]
    for kind, most in (("api", MOST_APIS), ("worker", MOST_WORKERS)):
        found += _scaled(row.name, kind, pod(row.name, kind, _image(row.name), service_environment(row), configs), most)
    return [*found, *policies.of_service(row)]


def migration(row: Row) -> Json:
    configs = ["edustream-config", *(["edustream-files"] if row.files else [])]
    template = pod(row.name, "migrate", _image(row.name), service_environment(row, migrates=True), configs)
    template["spec"]["restartPolicy"] = "OnFailure"
    spec = {"backoffLimit": 10, "ttlSecondsAfterFinished": KEEP_JOB, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": _named(row.name, "migrate"), "spec": spec}


def _scaled(name: str, kind: str, template: Json, most: int) -> list[Json]:
    """A Deployment without a number of replicas: its autoscaler keeps at least two."""
    metadata, selector = _named(name, kind), {"matchLabels": labels(name, kind)}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": selector, "strategy": rolling, "template": template},
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata,
            "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": most, "metrics": [cpu]},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata,
            "spec": {"maxUnavailable": 1, "selector": selector},
        },
    ]


def _service(name: str, kind: str) -> Json:
    spec = {"selector": labels(name, kind), "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels(name, kind)}, "spec": spec}


def _config(name: str, data: dict[str, str]) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def _named(name: str, kind: str) -> Json:
    return {"name": name if name == kind else f"{name}-{kind}", "labels": labels(name, kind)}


def _image(name: str) -> str:
    return f"{IMAGES}/{name}:{VERSION}"
