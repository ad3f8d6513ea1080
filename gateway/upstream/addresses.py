"""Connects to any one of the addresses that a service's name stands for, so that all its replicas share the work."""

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

TRIED = 3  # addresses, before a service is held to be away
P = TypeVar("P", bound=asyncio.BaseProtocol)


async def connect(protocol: Callable[[], P], host: str, port: int, tls: ssl.SSLContext | None, within: float) -> P:
    """Raises OSError or TimeoutError. The resolver has an order of its own: without chance, all would go to the first."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within):
        found = list({entry[4][0] for entry in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
        chosen = random.sample(found, min(TRIED, len(found)))
        for address in chosen[:-1]:
            try:
                return await _connect(protocol, str(address), port, tls, host, within / len(chosen))
            except (OSError, TimeoutError):
                continue
        return await _connect(protocol, str(chosen[-1]), port, tls, host, within)


async def _connect(protocol: Callable[[], P], address: str, port: int, tls: ssl.SSLContext | None, name: str, within: float) -> P:
    async with asyncio.timeout(within):
        _, made = await asyncio.get_running_loop().create_connection(
            protocol, address, port, ssl=tls, server_hostname=name if tls else None
        )
        return made
