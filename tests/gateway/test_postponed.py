"""What one client does to its connection is no concern of the others."""

import asyncio

import uvloop

from gateway.postponed import Postponed
from tests.waiting import eventually


async def _both_ends(port: int) -> asyncio.Transport:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    return transport


async def _a_gone_and_a_waiting_client() -> bytes:
    got = bytearray()

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            got.extend(data)

    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gone, there, postponed = await _both_ends(port), await _both_ends(port), Postponed()
    gone.abort()

    async def closed() -> bool:
        try:
            gone.write(b"x")
        except RuntimeError:
            return True
        return False

    await eventually(closed)
    postponed.add(gone.write, b"lost")
    postponed.add(gone.close)
    postponed.add(there.write, b"answer")

    async def arrived() -> bool:
        return bytes(got) == b"answer"

    await eventually(arrived)
    there.abort()
    server.close()
    return bytes(got)


def test_a_client_that_left_does_not_cost_others_their_answers() -> None:
    assert uvloop.run(_a_gone_and_a_waiting_client()) == b"answer"
