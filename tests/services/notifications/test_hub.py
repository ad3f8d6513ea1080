"""Live messages: to every device of both people, on whichever instance, in order, once."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from services.notifications import live, metrics
from services.notifications.app import forget_live
from services.notifications.hub.closing import Close
from services.notifications.live import Live
from shared.db import Database
from shared.worker import Runtime
from tests.harness import token
from tests.services.notifications.events import JANE, JOHN, booking, message
from tests.services.notifications.stage import SERVICE, Device, Hub, Stage, hub_of
from tests.waiting import eventually


async def test_a_message_reaches_every_device_of_both_people_on_two_hubs(stage: Stage) -> None:
    one, two = await stage.hub(), await stage.hub()
    await stage.worker()
    async with (
        one.device(JANE) as jane_1,
        two.device(JANE) as jane_2,
        one.device(JOHN) as john_1,
        two.device(JOHN) as john_2,
    ):
        sent = message(JOHN, JANE)
        await stage.publish(sent)

        for device in (jane_1, jane_2):
            heard = await device.hears("new_message", message_id=sent.message_id)
            assert (heard["sender_id"], heard["sender_email"], heard["message"]) == (JOHN, "person12@example.com", "Hello!")
            assert heard["created_at"].endswith("Z")
            told = await device.hears("notification", notification_type="new_message")
            assert told["event_id"] == heard["event_id"] + 1
        for device in (john_1, john_2):
            await device.hears("message_sent", message_id=sent.message_id)


async def test_a_move_of_a_booking_reaches_both_parties(stage: Stage) -> None:
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE) as jane, hub.device(JOHN) as john:
        await stage.publish(booking())

        for device in (jane, john):
            await device.hears("booking_update", booking_id=123, status="CONFIRMED")
        told = await jane.hears("notification", notification_type="booking_confirmed")
        assert told["message"] == "Your session with John Tutor is confirmed"
        await john.ping()
        assert "notification" not in john.kinds()


async def test_whoever_reconnects_gets_what_was_missed_once_and_in_order(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.PAGE", 10)
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE) as jane:
        await stage.publish(message(message="heard"))
        await jane.hears("notification")
        position = (await jane.ping())["event_id"]
    texts = [f"missed {n}" for n in range(25)]  # more than is read from the log at once
    await stage.publish(*(message(message=text, position=number) for number, text in enumerate(texts, 1)))

    async def logged() -> bool:
        async with hub.app.state.database.reading() as tx:
            return bool(await tx.value("SELECT last = 52 FROM live_heads WHERE user_id = 11"))

    await eventually(logged, 20)
    for address in ("", f"?token={token(JANE)}&since={position}"):
        async with hub.device(JANE, address) as jane:
            if not address:
                await jane.send({"type": "auth", "token": token(JANE), "since": position})
            while len(jane.told) < 50:
                await jane.next()
            await jane.ping()
            assert [m["event_id"] for m in jane.told if "event_id" in m] == [*range(position + 1, position + 51), position + 50]
            assert [m["message"] for m in jane.told if m["type"] == "new_message"] == texts


async def test_messages_that_come_while_catching_up_are_neither_lost_nor_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.PAGE", 10)
    hub = await stage.hub()
    await stage.worker()
    await stage.publish(*(booking(booking_id=n) for n in range(20)))
    async with hub.device(JANE) as first:
        await stage.publish(*(booking(booking_id=n) for n in range(20, 40)))
        async with hub.device(JANE, f"?token={token(JANE)}&since=0") as jane:
            await stage.publish(*(booking(booking_id=n) for n in range(40, 60)))
            while len(jane.told) < 120:
                await jane.next()
            assert [m["event_id"] for m in jane.told] == list(range(1, 121))
        await first.ping()
        numbers = [m["event_id"] for m in first.told[:-1]]
        assert numbers[-1] == 120
        assert numbers == sorted(set(numbers))


async def test_since_a_number_that_was_never_given_is_from_now_on(stage: Stage) -> None:
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE, f"?token={token(JANE)}&since=1000000") as jane:
        await stage.publish(message())
        assert (await jane.hears("new_message"))["event_id"] == 1


async def test_a_live_event_that_was_lost_is_read_from_the_log_when_the_next_comes(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        events = []
        for number in range(3):
            async with hub.app.state.database.transaction() as tx:
                events.append(await live.append(tx, [Live(JANE, {"type": "test", "number": number})]))
        hub.app.state.hub.deliver(events[0].entries)
        hub.app.state.hub.deliver(events[2].entries)  # the second is lost
        hub.app.state.hub.deliver(events[0].entries)  # the first is repeated
        await jane.hears("test", number=2)
        await jane.ping()
        assert [m["event_id"] for m in jane.told] == [1, 2, 3, 3]


async def test_a_hub_that_lost_the_broker_catches_up(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        async with hub.app.state.database.transaction() as tx:
            await live.append(tx, [Live(JANE, {"type": "test"})])
        await hub.app.state.hub.catch_up()  # what every new session with the broker begins with
        await jane.hears("test")


async def test_whoever_is_catching_up_while_the_broker_is_lost_misses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.hub.socket.QUEUE", 4)
    hub = await stage.hub()
    database = hub.app.state.database
    async with database.transaction() as tx:
        await live.append(tx, [Live(JANE, {"type": "test", "text": "x" * 1_000_000}) for _ in range(20)])
    async with hub.device(JANE, f"?token={token(JANE)}&since=0", max_queue=1) as jane:
        await jane.next()
        (socket,) = hub.app.state.hub._sockets[JANE]
        assert socket.is_behind, "its client is too slow for all of it"
        async with database.transaction() as tx:
            await live.append(tx, [Live(JANE, {"type": "last"})])  # and nothing of it comes live
        await hub.app.state.hub.catch_up()

        await jane.hears("last")


async def test_numbers_of_one_person_have_no_holes_however_many_write_at_once(stage: Stage) -> None:
    hub = await stage.hub()
    database = hub.app.state.database

    async def log(number: int) -> None:
        async with database.transaction() as tx:
            pair = [Live(JANE, {"type": "a"}), Live(JOHN, {"type": "b"})]
            await live.append(tx, pair if number % 2 else pair[::-1])
            if number % 5 == 0:
                raise ZeroDivisionError  # a number that is rolled back is given again

    results = await asyncio.gather(*(log(number) for number in range(50)), return_exceptions=True)

    assert len([r for r in results if r is not None]) == 10
    async with database.reading() as tx:
        for user_id in (JANE, JOHN):
            rows = await tx.rows("SELECT event_id FROM live_messages WHERE user_id = %(id)s ORDER BY event_id", id=user_id)
            assert [row["event_id"] for row in rows] == list(range(1, 41))


async def test_a_client_that_does_not_read_is_cut_off_without_harming_others(stage: Stage) -> None:
    hub = await stage.hub()
    big = json.dumps({"type": "test", "text": "x" * 10_000})
    async with hub.device(JANE, max_queue=1) as deaf, hub.device(JANE) as jane, hub.device(JOHN) as john:
        transport = deaf.connection.transport
        transport.pause_reading()
        reading = asyncio.create_task(_count(jane, 2000))
        slowest = 0.0
        for _ in range(20):
            for _ in range(100):
                hub.app.state.hub.tell(JANE, big)
                await asyncio.sleep(0)
            began = time.perf_counter()
            await john.ping()
            slowest = max(slowest, time.perf_counter() - began)
        assert await reading == 2000
        assert slowest < 1
        assert [s.is_closed for s in hub.app.state.hub._sockets[JANE]].count(True) <= 1
        await eventually(lambda: _alone(hub, JANE), 8)  # `protocol.GRACE` and a little
        transport.resume_reading()


async def test_a_client_that_answers_no_ping_is_gone_however_much_waits_for_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SERVICE.server, "ws_ping_interval", 0.5)
    monkeypatch.setitem(SERVICE.server, "ws_ping_timeout", 0.5)
    monkeypatch.setattr("services.notifications.hub.protocol.GRACE", 0.2)
    hub = await stage.hub()
    async with hub.device(JANE, max_queue=1) as deaf:
        await deaf.ping()
        transport = deaf.connection.transport
        transport.pause_reading()
        for _ in range(200):  # fewer than the queue holds, more than the kernel takes
            hub.app.state.hub.tell(JANE, "x" * 100_000)
        await eventually(lambda: _nobody(hub), 20)
        transport.abort()


async def test_a_hub_stops_in_order_beside_a_client_that_says_good_bye_and_reads_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.hub.protocol.GRACE", 0.2)
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_of(**stage.values))
        deaf = await stack.enter_async_context(hub.device(JANE, max_queue=1, close_timeout=0.1))
        await deaf.ping()
        transport = deaf.connection.transport
        transport.pause_reading()
        for _ in range(200):  # fewer than the queue holds, more than the kernel takes
            hub.app.state.hub.tell(JANE, "x" * 100_000)
        leaving = asyncio.create_task(deaf.connection.close())
        await eventually(lambda: _nobody(hub))
        hub.server.should_exit = True
        await hub.serving  # what uvicorn's own shutdown fails with would be raised here
        transport.abort()
        await leaving

    database = Database(stage.values["database_url"], 1, "after")
    await database.open()
    async with database.reading() as tx:
        assert await tx.rows("SELECT * FROM connected") == []
    await database.close()


async def test_the_log_is_not_read_on_for_a_client_that_was_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.PATIENCE", 0.5)
    monkeypatch.setattr("services.notifications.hub.socket.QUEUE", 4)
    closed = metrics.sockets_closed.labels(str(Close.TOO_SLOW.code))
    before = closed._value.get()

    async def is_cut_off() -> bool:
        return bool(closed._value.get() > before)

    hub = await stage.hub()
    async with hub.app.state.database.transaction() as tx:
        await live.append(tx, [Live(JANE, {"type": "test", "text": "x" * 100_000}) for _ in range(200)])

    async with hub.device(JANE, f"?token={token(JANE)}&since=0", max_queue=1) as deaf:
        deaf.connection.transport.pause_reading()
        await eventually(is_cut_off, 10)
        await eventually(lambda: _is_idle(hub), 3)  # six times the patience, of which each message left would cost one
        deaf.connection.transport.abort()


async def test_messages_older_than_a_day_are_forgotten_and_leave_no_hole_that_anybody_waits_for(stage: Stage) -> None:
    hub = await stage.hub()
    database = hub.app.state.database
    async with database.transaction() as tx:
        await live.append(tx, [Live(JANE, {"type": "test", "number": n}) for n in range(3)])
        await tx.run("UPDATE live_messages SET created_at = now() - interval '25 hours' WHERE event_id < 3")
    await forget_live(Runtime(hub.app.state.settings, database))

    async with hub.device(JANE, f"?token={token(JANE)}&since=0") as jane:
        await jane.ping()
        await jane.hears("test")
        assert [m["number"] for m in jane.told if m["type"] == "test"] == [2]


async def test_ten_thousand_random_frames_do_not_kill_the_hub(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.frames.FRAMES", (10_000.0, 10_000.0))
    hub = await stage.hub()
    dice = random.Random(7)
    before = metrics.frames._value.get()
    async with hub.device(JOHN) as john:
        while metrics.frames._value.get() - before < 10_000:  # handled, not only sent
            await _rampage(hub, dice)
        await john.ping()
    async with hub.device(JANE) as jane:
        await jane.ping()


async def _rampage(hub: Hub, dice: random.Random) -> None:
    """Random frames on one connection until the hub has enough of it: JSON near the truth, JSON, text, bytes, raw garbage."""
    kinds = ("ping", "pong", "typing", "presence", "auth", "error", "", "x" * 300)
    values: tuple[Any, ...] = (None, True, -1, 0, 1, JOHN, 2**70, 1.5, "", "x", [], {}, [[[]]], "\u0000", "\ud83d\ude00")
    with contextlib.suppress(websockets.ConnectionClosed, ConnectionError):
        async with hub.device(JANE, close_timeout=0.5) as jane, _reading(jane):
            for _ in range(2000):
                match dice.randrange(8):
                    case 0 | 1 | 2:
                        names = dice.sample(("recipient_id", "token", "is_typing", "since", "event_id"), 2)
                        fields = {name: dice.choice(values) for name in names}
                        kind = dice.choice(kinds)
                        if kind == "auth" and dice.random() < 0.99:  # a wrong token ends the connection
                            fields["token"] = token(JANE)
                        await jane.send({"type": kind} | fields)
                    case 3:
                        await jane.send(dice.choice(values))
                    case 4 | 5:
                        await jane.connection.send("".join(chr(dice.randrange(1, 0xD7FF)) for _ in range(dice.randrange(200))))
                    case 6:
                        await jane.connection.send(dice.randbytes(dice.randrange(5000)))
                    case _ if dice.random() < 0.004:
                        jane.connection.transport.write(dice.randbytes(dice.randrange(1, 100)))
                        return


@contextlib.asynccontextmanager
async def _reading(device: Device) -> AsyncIterator[None]:
    """Answers are taken off the connection: one that does not read would be cut off."""
    task = asyncio.create_task(_count(device, 1_000_000))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _nobody(hub: Hub) -> bool:
    return not hub.app.state.hub.people


async def _is_idle(hub: Hub) -> bool:
    return not hub.app.state.hub._tasks


async def _count(device: Device, most: int) -> int:
    while len(device.told) < most:
        await device.next()
    return len(device.told)


async def _alone(hub: Hub, user_id: int) -> bool:
    return len(hub.app.state.hub._sockets[user_id]) == 1
