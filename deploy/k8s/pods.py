"""Pods: one shape for all, hardened; what they are told, with secrets by reference only."""

from typing import Any

from deploy.k8s.table import FILE_SECRETS, NOTIFICATIONS_CONFIG, SERVICES, SHARED, Row

PORT = 8000
USER = 10001  # of the images
GRACE = 45  # seconds: five until nobody sends more, thirty for a gateway to finish (services need ten), and some to spare
MEASURED = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": "/metrics"}
Json = dict[str, Any]


def labels(name: str, kind: str) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": "edustream", "app.kubernetes.io/name": name, "app.kubernetes.io/component": kind}


def secret(name: str, of: str, *, optional: bool = False) -> Json:
    reference: Json = {"name": of, "key": name} | ({"optional": True} if optional else {})
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def gateway_environment() -> list[Json]:
    found = [{"name": "EDUSTREAM_PORT", "value": str(PORT)}]
    found += [{"name": f"{name.upper()}_URL", "value": f"http://{name}:{PORT}"} for name in SERVICES if name != "auth"]
    return [*found, *(secret(name, SHARED) for name in ("AMQP_URL", "REDIS_URL"))]


def service_environment(row: Row, *, migrates: bool = False) -> list[Json]:
    upper = row.name.upper()
    found = [{"name": f"{upper}_PORT", "value": str(PORT)}]
    found += [{"name": f"{name.upper()}_URL", "value": f"http://{name}:{PORT}"} for name in row.asks]
    if row.name == "notifications":
        found += [{"name": name, "value": value} for name, value in NOTIFICATIONS_CONFIG.items()]
    found += [secret(name, SHARED) for name in ("AMQP_URL", "REDIS_URL", "EDUSTREAM_INTERNAL_TOKEN")]
    found += [secret(name, f"edustream-{row.name}") for name in (f"{upper}_DATABASE_URL", *row.secrets)]
    if migrates:
        found.append(secret(f"{upper}_MIGRATION_DATABASE_URL", f"edustream-{row.name}-owner"))
    if row.files:
        found += [secret(name, "edustream-files", optional=True) for name in FILE_SECRETS]
    return found


def pod(name: str, kind: str, image: str, env: list[Json], configs: list[str]) -> Json:
    """A template of one container, which runs `kind` (or, of the gateway, itself)."""
    container: Json = {
        "name": kind,
        "image": image,
        "env": env,
        "envFrom": [{"configMapRef": {"name": config}} for config in configs],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  an empty volume of the pod's own
    }
    if kind != "gateway":
        container["args"] = [kind]
    metadata: Json = {"labels": labels(name, kind)}
    if kind != "migrate":
        container |= {"ports": [{"name": "http", "containerPort": PORT}], **_probes()}
        metadata["annotations"] = MEASURED
    return {"metadata": metadata, "spec": _spec(name, kind, container)}


def _spec(name: str, kind: str, container: Json) -> Json:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # they would set AUTH_PORT and its like to an address of their own
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": GRACE,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(name, kind)},
            }
        ],
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "128Mi"}}],
    }


def _probes() -> Json:
    def at(path: str, period: int, failures: int) -> Json:
        return {
            "httpGet": {"path": path, "port": "http"},
            "periodSeconds": period,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        }

    return {
        "startupProbe": at("/health/live", 2, 60),
        "livenessProbe": at("/health/live", 10, 6),
        "readinessProbe": at("/health/ready", 5, 2),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},  # until no node sends new requests here
    }
