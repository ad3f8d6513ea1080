"""A TCP connection that can be cut or made to fall silent, in front of a real server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Wire:
    """Forwards every connection made to `url` to the real server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._parts = parts
        self._writers: set[asyncio.StreamWriter] = set()
        self._sound = asyncio.Event()
        self._sound.set()
        self._frozen: list[asyncio.Event] = []
        self.is_refusing = False
        self.connections = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        credentials = self._parts.netloc.rpartition("@")[0]
        netloc = f"{credentials}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.url = self._parts._replace(netloc=netloc).geturl()
        try:
            yield self
        finally:
            self.cut()
            for sound in self._frozen:
                sound.set()
            server.close()

    def cut(self) -> None:
        """Break every connection there is, without a goodbye. New ones can be made, unless `is_refusing`."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """The connections there are carry nothing any more, and nobody is told; new ones work."""
        self._sound.clear()
        self._frozen.append(self._sound)
        self._sound = asyncio.Event()
        self._sound.set()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_refusing:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}
        sound = self._sound
        await asyncio.gather(_pump(reader, there_writer, sound), _pump(there_reader, writer, sound))
        self._writers -= {writer, there_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sound: asyncio.Event) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while data := await reader.read(65536):
            await sound.wait()
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
