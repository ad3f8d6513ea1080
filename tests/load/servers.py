"""Servers for a bench: those that the environment names, and for the others some of its own, which end with it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deploy.local.servers import Instance, Urls


@contextmanager
def servers() -> Iterator[Urls]:
    """PostgreSQL, Valkey and RabbitMQ. What is started here is stopped, whatever becomes of the bench; `amqp` is an empty vhost,
    unless the broker is somebody else's."""
    instance = Instance("bench")
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # by default nobody would stop the servers
    try:
        with instance.session() as urls:
            vhost = instance.rabbitmq.new_vhost("bench") if instance.rabbitmq in instance.embedded() else ""
            yield replace(urls, amqp=urls.amqp + vhost)
    finally:
        signal.signal(signal.SIGTERM, before)
