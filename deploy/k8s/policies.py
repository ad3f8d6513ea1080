"""Who may talk to whom: nobody, but for what is said here.

PostgreSQL, RabbitMQ and Redis are pods with the label `edustream.io/backing`; where they are outside the cluster, an ipBlock
takes the place of `_backing` (an overlay's patch). Prometheus lives in a namespace labelled `edustream.io/monitoring: "true"`."""

from collections.abc import Iterable

from deploy.k8s.pods import PORT, Json, labels
from deploy.k8s.table import BACKING, ROWS, SERVICES, Row

MONITORING = {"namespaceSelector": {"matchLabels": {"edustream.io/monitoring": "true"}}}
ANYWHERE = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}  # not the machines' metadata service


def deny_everything() -> Json:
    return _policy("deny-everything", {}, [], [])


def everybody() -> Json:
    """Names are looked up, and traces sent."""
    dns: Json = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]}
    dns["ports"] = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    traces: Json = {"to": [MONITORING], "ports": _ports([4318])}
    return _policy("everybody", {"app.kubernetes.io/part-of": "edustream"}, [], [dns, traces])


def of_gateway() -> Json:
    egress = [_to(_pods(name, "api") for name in SERVICES), *_backing("rabbitmq", "redis")]
    return _policy("gateway", labels("gateway", "gateway"), [{"ports": _ports([PORT])}], egress)


def of_service(row: Row) -> list[Json]:
    """The gateway, and neighbours who ask it, reach a service; a worker is reached by Prometheus alone."""
    who = [_pods("gateway", "gateway")]
    for other in ROWS:
        if asks(other, row.name):
            who += [_pods(other.name, kind) for kind in ("api", "worker")]
    into = {"api": [*who, MONITORING], "worker": [MONITORING]}
    egress = [*_backing(*BACKING), *_neighbours(row), *_outside(row)]
    return [
        _policy(f"{row.name}-{kind}", labels(row.name, kind), [{"from": sources, "ports": _ports([PORT])}], egress)
        for kind, sources in into.items()
    ]


def of_migration(row: Row) -> Json:
    return _policy(f"{row.name}-migrate", labels(row.name, "migrate"), [], _backing("postgres", "rabbitmq"))


def asks(row: Row, other: str) -> bool:
    return other in row.asks or (other == "auth" and row.name != "auth")


def _neighbours(row: Row) -> list[Json]:
    asked = [name for name in SERVICES if asks(row, name)]
    return [_to(_pods(name, "api") for name in asked)] if asked else []


def _outside(row: Row) -> list[Json]:
    return [{"to": [ANYWHERE], "ports": _ports(row.outside)}] if row.outside else []


def _backing(*names: str) -> list[Json]:
    return [
        {
            "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"edustream.io/backing": name}}}],
            "ports": _ports([BACKING[name]]),
        }
        for name in names
    ]


def _to(pods: Iterable[Json]) -> Json:
    return {"to": list(pods), "ports": _ports([PORT])}


def _pods(name: str, kind: str) -> Json:
    return {"podSelector": {"matchLabels": labels(name, kind)}}


def _ports(numbers: Iterable[int]) -> list[Json]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _policy(name: str, selected: dict[str, str], ingress: list[Json], egress: list[Json]) -> Json:
    spec = {"podSelector": {"matchLabels": selected} if selected else {}, "policyTypes": ["Ingress", "Egress"]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec | ({"ingress": ingress} if ingress else {}) | ({"egress": egress} if egress else {}),
    }
