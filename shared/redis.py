"""redis-py, without the metrics of OpenTelemetry's SDK, which it imports wherever they are installed."""

import sys

_METRICS = "opentelemetry.sdk.metrics"
_hidden = _METRICS not in sys.modules
if _hidden:
    sys.modules[_METRICS] = None  # type: ignore[assignment]  # what an import takes for "not installed"
try:
    import redis.asyncio as client
    from redis.exceptions import RedisError
finally:
    if _hidden:
        del sys.modules[_METRICS]

Redis = client.Redis
from_url = client.from_url

__all__ = ["Redis", "RedisError", "from_url"]
