"""Messages are told in the order they were written, however their events race."""

import asyncio
import random

from services.notifications import actions, conversations, live, queries
from tests.harness import Harness
from tests.services.notifications.events import JANE, JOHN, message
from tests.services.notifications.inbox import listed, logged, told
from tests.waiting import eventually

WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_messages_of_two_people_are_told_in_the_order_they_were_written(service: Harness) -> None:
    one, two, three = (message(message=str(n), position=n) for n in (1, 2, 3))
    await service.deliver(two, three)
    assert await told(service) == []

    await service.deliver(one)
    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["1", "2", "3"]
    (shown,) = await listed(service, JANE)
    assert shown["data"]["count"] == 3


async def test_racing_messages_of_two_people_are_told_in_order(service: Harness) -> None:
    events = [message(*((JOHN, JANE) if n % 2 else (JANE, JOHN)), message=str(n), position=n) for n in range(1, 21)]
    await asyncio.gather(*(service.deliver(event) for event in random.Random(3).sample(events, 20)))

    texts = [m["message"] for m in await logged(service, JANE) if m["type"] in ("new_message", "message_sent")]
    assert texts == [str(n) for n in range(1, 21)]


async def test_a_message_that_never_comes_keeps_the_others_only_for_a_while(service: Harness) -> None:
    two, four = message(message="2", position=2), message(message="4", position=4)
    await service.deliver(four, two)
    await conversations.tell_early(service.database)
    assert await told(service) == []

    async with service.database.transaction() as tx:
        await tx.run("UPDATE early_messages SET held_at = held_at - interval '1 minute'")
    await conversations.tell_early(service.database)

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["2", "4"]
    await service.deliver(message(message="5", position=5))
    assert (await told(service))[-3]["message"] == "5"


async def waiting_for_locks(service: Harness) -> int:
    async with service.database.reading() as tx:
        count: int = await tx.value(WAITING_FOR_LOCKS)
    return count


async def test_two_workers_tell_nothing_before_its_time(service: Harness) -> None:
    two, four = message(message="2", position=2), message(message="4", position=4)
    await service.deliver(two, four)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE early_messages SET held_at = held_at - interval '1 minute' WHERE position = 2")

    async with service.database.transaction() as tx:
        await tx.run("SELECT FROM threads FOR UPDATE")
        workers = [asyncio.create_task(conversations.tell_early(service.database)) for _ in range(2)]
        await eventually(lambda: both_wait(service))
    await asyncio.gather(*workers)

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["2"]


async def both_wait(service: Harness) -> bool:
    return await waiting_for_locks(service) == 2


async def test_messages_of_both_people_are_told_while_one_of_them_reads_all_notifications(service: Harness) -> None:
    one, two, three = message(JANE, JOHN, position=1), message(position=2), message(JANE, JOHN, position=3)
    await service.deliver(one, three)

    async with service.database.transaction() as tx:
        await tx.run(queries.READ_ALL, user_id=JOHN)
        telling = asyncio.create_task(service.deliver(two))
        await eventually(lambda: waiting_for_locks(service))
        await live.append(tx, [actions.is_read(JOHN, None)])
    await telling

    assert [n["is_read"] for n in await listed(service, JOHN)] == [False, True]


async def test_a_thread_from_before_messages_were_numbered_goes_on_at_once(service: Harness) -> None:
    await service.deliver(message())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE threads SET told = NULL")
    await service.deliver(message(message="57", position=57), message(message="58", position=58))

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["Hello!", "57", "58"]
