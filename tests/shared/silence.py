"""A peer that shakes hands as a broker does, and then answers nothing and sends no heartbeats."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pamqp import commands, frame
from pamqp.base import Frame

HEARTBEAT = 1  # seconds, as it wishes
ANSWERS: dict[str, Frame] = {
    "Connection.StartOk": commands.Connection.Tune(2047, 131_072, HEARTBEAT),
    "Connection.Open": commands.Connection.OpenOk(),
    "Channel.Open": commands.Channel.OpenOk(),
    "Confirm.Select": commands.Confirm.SelectOk(),
    "Basic.Qos": commands.Basic.QosOk(),
}


class Silence:
    """`url` is its address; `connections`, how many have been made."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Silence"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            yield self
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.readexactly(len(b"AMQP0091"))
        writer.write(frame.marshal(commands.Connection.Start(0, 9, {"capabilities": {"publisher_confirms": True}}), 0))
        waiting = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                waiting += data
                while waiting and (size := frame.frame_parts(waiting)[2]) is not None and len(waiting) >= size + 8:
                    _, channel, said = frame.unmarshal(waiting[: size + 8])
                    waiting = waiting[size + 8 :]
                    if answer := ANSWERS.get(said.name):
                        writer.write(frame.marshal(answer, channel))
        writer.close()
