"""What the gateway counts, at /metrics. Requests are counted in plain integers and rendered when somebody asks."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import Counter, Gauge
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

limits_local = Counter("edustream_gateway_limits_local", "Rate limit checks counted in this process because Redis is away")
limited = Counter("edustream_gateway_limited", "Requests refused by a rate limit", ["limit"])
refused = Counter("edustream_gateway_refused", "Requests that were none, or came too slowly", ["status", "code"])
turned_away = Counter("edustream_gateway_connections_refused", "Client connections beyond what one address, or all, may have")
retries = Counter("edustream_gateway_retries", "Requests sent again because a kept connection had just been closed", ["service"])
breaker_open = Gauge("edustream_gateway_breaker_open", "1 while a service is not asked because it did not answer", ["service"])
upstream_connections = Gauge("edustream_gateway_upstream_connections", "Connections to a service", ["service"])
websockets = Gauge("edustream_gateway_websockets", "WebSockets passing through")

Labels = tuple[str, str, str, str]  # service, method, route, status


class Requests(Collector):
    """A histogram by service, method, route and status. The library's own, with its locks, takes a tenth of a request."""

    def __init__(self) -> None:
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(BUCKETS) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._sums[labels] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "edustream_gateway_request_seconds", "Requests by route", labels=["service", "method", "route", "status"]
        )
        for labels, counts in list(self._counts.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(labels, buckets, self._sums[labels])
        yield family


requests = Requests()
REGISTRY.register(requests)
