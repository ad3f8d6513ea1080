"""What must not end does not end unnoticed, least of all by a `CancelledError` of a library's own."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aio_pika.abc import AbstractConnection
from aiormq.connection import Connection

from shared import broker
from shared.broker import Broker
from shared.lasting import lasting
from tests.shared.running import beside
from tests.shared.silence import HEARTBEAT, Silence
from tests.waiting import eventually


async def end() -> None:
    pass


async def be_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("work", [end, be_cancelled])
async def test_work_that_ends_by_itself_is_an_error(work: Callable[[], Awaitable[None]]) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lasting(work))

    assert [type(error) for error in caught.value.exceptions] == [RuntimeError]


async def test_work_that_is_stopped_is_none() -> None:
    task = asyncio.create_task(lasting(asyncio.Event().wait))  # type: ignore[arg-type]  # what it returns does not matter
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_broker_that_falls_silent_while_a_session_sets_itself_up_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library cancels the call that waits then, and the session with it, which looks like our own end."""
    monkeypatch.setattr(broker, "HEARTBEAT", HEARTBEAT)
    monkeypatch.setattr(Connection, "HEARTBEAT_GRACE_MULTIPLIER", 1)

    async def session(connection: AbstractConnection) -> None:
        await broker.declare(await connection.channel())

    async with Silence().listening() as silence:

        async def again() -> bool:
            return silence.connections >= 2

        async with beside(Broker(silence.url, "tests").keep("test", session)):
            await eventually(again, 30)


@pytest.mark.parametrize("turns", range(30))
async def test_a_process_that_is_stopped_while_there_is_no_broker_ends(turns: int) -> None:
    """At some of these turns of the event loop the library learns that it was refused and that it was cancelled at once, and
    tells of the first only."""

    async def session(_connection: AbstractConnection) -> None:
        raise AssertionError("there is no broker")

    task = asyncio.ensure_future(Broker("amqp://127.0.0.1:1", "tests").keep("test", session))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=5)
    task.cancel()  # the second time it waits for its next attempt, where that is not lost

    assert ended
