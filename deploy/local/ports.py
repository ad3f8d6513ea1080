"""Loopback ports that stay free: chosen below the range the kernel lends to outgoing connections."""

import contextlib
import random
import socket
from pathlib import Path

from deploy.local.errors import LaunchError

LOOPBACK = "127.0.0.1"
SPAN = 10_000
TRIES = 100
promised: set[int] = set()  # to somebody in this process who may not listen there yet


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((host, port))
            return True
    return False


def choose(remembered: int = 0, taken: frozenset[int] = frozenset()) -> int:
    """The remembered port if nobody has taken it meanwhile, else a random free one that nobody was promised."""
    is_kept = remembered and remembered not in taken and is_free(remembered)
    port = remembered if is_kept else _random(taken)
    promised.add(port)
    return port


def _random(taken: frozenset[int]) -> int:
    first = min(20_000, _ephemeral_start() - SPAN)
    for port in random.sample(range(first, first + SPAN), TRIES):
        if port not in taken | promised and is_free(port):
            return port
    raise LaunchError(f"No free port between {first} and {first + SPAN} on {LOOPBACK}: stop something that listens there.")


def next_free(port: int, host: str = LOOPBACK) -> int:
    """The first free port from ``port`` upwards."""
    for candidate in range(port, port + TRIES):
        if is_free(candidate, host):
            return candidate
    raise LaunchError(f"No free port between {port} and {port + TRIES} on {host}: set EDUSTREAM_PORT to a free one.")


def exchange(port: int, request: bytes, timeout: float = 1.0) -> bytes:
    """The first bytes a server answers to ``request``; empty when nobody answers."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as connection:
            connection.sendall(request)
            return connection.recv(64)
    except OSError:
        return b""


def _ephemeral_start() -> int:
    try:
        return max(12_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
    except (OSError, ValueError):
        return 32_768
