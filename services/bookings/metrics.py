"""Prometheus metrics of the bookings service, besides what every process exports."""

from prometheus_client import Gauge

overdue = Gauge(
    "edustream_overdue_seconds",
    "How late the oldest request to expire, lesson to complete or payment to settle is",
    ["what"],
)
