"""Prometheus metrics of the notifications service, besides what every process exports."""

from prometheus_client import Counter, Gauge

sockets = Gauge("edustream_sockets", "Open WebSockets of this process")
sockets_closed = Counter("edustream_sockets_closed", "WebSockets closed by the hub", ["code"])
live_messages = Counter("edustream_live_messages", "Messages put into sockets' queues")
frames = Counter("edustream_socket_frames", "Frames that clients sent")
letters = Counter("edustream_letters", "Letters by outcome", ["channel", "outcome"])
letters_waiting = Gauge("edustream_letters_waiting", "Letters that have not left yet", ["channel"])
letters_age = Gauge("edustream_letters_age_seconds", "Age of the oldest letter that has not left yet", ["channel"])
