"""Connects to any one of the addresses that a service's name stands for, so that all its replicas share the work."""

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

TRIED = 3  # addresses, before a service is held to be away
LOOKUP_TIMEOUT = 0.5  # when there are addresses to do without it
ASK_AGAIN = 5.0  # seconds after a look-up that failed
P = TypeVar("P", bound=asyncio.BaseProtocol)


class Addresses:
    """Those of one service. What was found last is good while the name cannot be looked up: a service is not away for that."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._loop = asyncio.get_running_loop()
        self._known: list[str] = []
        self._ask_after = 0.0

    async def connect(self, protocol: Callable[[], P], tls: ssl.SSLContext | None, within: float) -> P:
        """Raises OSError or TimeoutError. The resolver has an order of its own: without chance, all would go to the first."""
        async with asyncio.timeout(within):
            found = await self._find()
            chosen = random.sample(found, min(TRIED, len(found)))
            for address in chosen[:-1]:
                try:
                    return await _connect(protocol, address, self._port, tls, self._host, within / len(chosen))
                except (OSError, TimeoutError):
                    continue
            return await _connect(protocol, chosen[-1], self._port, tls, self._host, within)

    async def _find(self) -> list[str]:
        if self._loop.time() < self._ask_after:
            return self._known
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT if self._known else None):
                entries = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            if not self._known or (isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME):
                raise  # there is no such name: that is an answer, too
            self._ask_after = self._loop.time() + ASK_AGAIN
        else:
            self._known = list({str(entry[4][0]) for entry in entries})
        return self._known


async def _connect(protocol: Callable[[], P], address: str, port: int, tls: ssl.SSLContext | None, name: str, within: float) -> P:
    async with asyncio.timeout(within):
        _, made = await asyncio.get_running_loop().create_connection(
            protocol, address, port, ssl=tls, server_hostname=name if tls else None
        )
        return made
