"""Whatever three people do, in any order, thread rows say exactly what the messages say."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import Harness
from tests.services.messaging.people import ANNA, BOB, EVE, introduce

TRUTH = """
WITH sides AS (
  SELECT sender_id AS owner_id, recipient_id AS other_id, m.*, 0 AS unread FROM messages m
  UNION ALL
  SELECT recipient_id, sender_id, m.*, (read_at IS NULL AND deleted_at IS NULL)::int FROM messages m
)
SELECT owner_id, other_id, count(*) AS message_count, max(position) AS last_position, sum(unread)::bigint AS unread_count,
  max(created_at) AS last_message_at
FROM sides GROUP BY owner_id, other_id ORDER BY owner_id, other_id
"""
CLAIMED = """
SELECT owner_id, other_id, message_count, message_count AS last_position, unread_count, last_message_at
FROM threads ORDER BY owner_id, other_id
"""

STEPS_BACK = """
SELECT count(*) FILTER (WHERE created_at < before)
FROM (SELECT created_at, lag(created_at) OVER (PARTITION BY low_id, high_id ORDER BY position) AS before FROM messages) AS m
"""

PEOPLE = st.sampled_from([ANNA, BOB, EVE])


@dataclass(frozen=True)
class Step:
    """One thing that somebody tries; which message it is about is chosen by `nth` among those that exist."""

    kind: str
    who: int
    other: int
    nth: int


STEPS = st.lists(
    st.builds(
        Step, st.sampled_from(["send", "send", "send", "read", "read_all", "edit", "delete"]), PEOPLE, PEOPLE, st.integers(0, 30)
    ),
    min_size=1,
    max_size=25,
)


async def take(service: Harness, step: Step) -> None:
    """Do it through the API; refusals are part of life, errors are not."""
    client = service.person(step.who)
    async with service.database.reading() as tx:
        ids = [row["id"] for row in await tx.rows("SELECT id FROM messages ORDER BY id")]
    message = f"/api/messages/{ids[step.nth % len(ids)] if ids else 1}"
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "send": lambda: client.post("/api/messages", json={"recipient_id": step.other, "message": "x"}),
        "read": lambda: client.patch(f"{message}/read"),
        "read_all": lambda: client.patch(f"/api/messages/threads/{step.other}/read-all"),
        "edit": lambda: client.patch(message, json={"message": "y"}),
        "delete": lambda: client.delete(message),
    }
    answer = await calls[step.kind]()
    assert getattr(answer, "status_code", 500) < 500


async def assert_threads_tell_the_truth(service: Harness) -> None:
    async with service.database.reading() as tx:
        assert await tx.rows(CLAIMED) == await tx.rows(TRUTH)
        assert await tx.value(STEPS_BACK) == 0, "time goes back inside a conversation"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_after_any_sequence_threads_equal_messages(service: Harness, steps: list[Step]) -> None:
    await introduce(service, ANNA, BOB, EVE)

    for step in steps:
        await take(service, step)

    await assert_threads_tell_the_truth(service)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_after_any_race_threads_equal_messages(service: Harness, steps: list[Step]) -> None:
    await introduce(service, ANNA, BOB, EVE)

    await asyncio.gather(*(take(service, step) for step in steps))

    await assert_threads_tell_the_truth(service)
