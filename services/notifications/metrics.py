"""Prometheus metrics of the notifications service, besides what every process exports."""

from prometheus_client import Counter, Gauge

sockets = Gauge("edustream_sockets", "Open WebSockets of this process")
sockets_closed = Counter("edustream_sockets_closed", "WebSockets closed by the hub", ["code"])
live_messages = Counter("edustream_live_messages", "Messages put into sockets' queues")
letters = Counter("edustream_letters", "Letters by outcome", ["channel", "outcome"])
