"""Who is there and who is typing: told to those they write with, and hidden by a block."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifications.hub import presence
from shared.db import Database, Tx
from shared.errors import Unavailable
from shared.events.messaging import BlockChanged
from shared.events.notifications import PresenceChanged
from tests.services.notifications.events import EVE, JANE, JOHN, message
from tests.services.notifications.stage import Hub, Stage
from tests.waiting import eventually


async def test_a_block_hides_typing_and_presence_from_both_at_once(stage: Stage) -> None:
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE) as jane, hub.device(JOHN) as john:
        await stage.publish(message(JANE, JOHN))
        await john.hears("new_message")
        await jane.send({"type": "typing", "recipient_id": JOHN})
        await john.hears("typing")

        await stage.publish(BlockChanged(blocker_id=JOHN, blocked_id=JANE, is_blocked=True, changed_at=datetime.now(UTC)))

        async def is_known() -> bool:
            async with hub.app.state.database.reading() as tx:
                return bool(await tx.value("SELECT count(*) FROM blocks"))

        await eventually(is_known)
        before = len(john.told)
        await jane.send({"type": "typing", "recipient_id": JOHN})
        await jane.send({"type": "presence"})
        assert (await jane.hears("presence"))["online"] == []
        async with hub.device(EVE) as eve:
            await stage.publish(message(JANE, EVE), message(JOHN, EVE))
            await eve.hears("new_message", sender_id=JANE)
            await eve.hears("new_message", sender_id=JOHN)
            await jane.hears("presence", user_id=EVE)
            await john.hears("presence", user_id=EVE)
        await john.ping()
        assert {m.get("user_id") for m in john.told[before:] if m["type"] in ("typing", "presence")} == {EVE}


async def test_whoever_comes_and_goes_is_told_to_those_they_write_with(stage: Stage) -> None:
    one, two = await stage.hub(), await stage.hub()
    await stage.worker()
    async with one.device(JANE) as jane, one.device(EVE) as eve:
        await stage.publish(message(JOHN, JANE))
        await jane.hears("new_message")
        async with two.device(JOHN):
            await jane.hears("presence", user_id=JOHN, is_online=True)
            await jane.send({"type": "presence"})
            await jane.hears("presence", online=[JOHN])
            async with one.device(JOHN) as john:
                await john.ping()
        await jane.hears("presence", user_id=JOHN, is_online=False)
        await eve.ping()
        assert "presence" not in eve.kinds()
        assert len([m for m in jane.told if m["type"] == "presence" and "user_id" in m]) == 2


async def test_somebody_whose_coming_was_written_though_nobody_was_told_so_goes_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.hub()
    database: Database = hub.app.state.database
    transaction = database.transaction

    @asynccontextmanager
    async def answer_is_lost() -> AsyncIterator[Tx]:
        async with transaction() as tx:
            yield tx
        if hub.app.state.hub.people:
            raise Unavailable

    async def connected() -> list[dict[str, Any]]:
        async with database.reading() as tx:
            return await tx.rows("SELECT user_id FROM connected")

    async def nobody_is() -> bool:
        return not await connected()

    monkeypatch.setattr(database, "transaction", answer_is_lost)
    async with hub.device(JANE):
        await eventually(connected)

    await eventually(nobody_is)


async def test_presence_is_said_with_growing_versions(stage: Stage) -> None:
    hub = await stage.hub()
    for _ in range(2):
        async with hub.device(JANE):
            await eventually(lambda: _is_online(hub, True))
        await eventually(lambda: _is_online(hub, False))

    async with hub.app.state.database.reading() as tx:
        bodies = [json.loads(bytes(row["body"])) for row in await tx.rows("SELECT body FROM outbox ORDER BY position")]
    said = [(b["data"]["version"], b["data"]["is_online"]) for b in bodies if b["type"] == PresenceChanged.type]
    assert said == [(1, True), (2, False), (3, True), (4, False)]


async def test_the_people_of_a_hub_that_died_go_offline_and_come_back_if_it_was_only_slow(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE):
        await eventually(lambda: _is_online(hub, True))
        hub.app.state.presence._beat_at = time.monotonic() + 1000  # its heart stands still
        async with hub.app.state.database.transaction() as tx:
            await tx.run("UPDATE hubs SET beat_at = now() - interval '1 minute'")
        await presence.sweep(hub.app.state.database)
        assert await _is_online(hub, False)

        hub.app.state.presence._beat_at = 0.0  # and beats again
        await eventually(lambda: _is_online(hub, True))


async def _is_online(hub: Hub, expected: bool) -> bool:
    async with hub.app.state.database.reading() as tx:
        return await tx.value("SELECT is_online FROM presence WHERE user_id = 11") is expected
