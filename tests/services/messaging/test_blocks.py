"""Blocks: who cannot write to whom."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.messaging import resync
from shared import auth
from shared.events.messaging import BlockChanged
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.messaging.conversation import messages, write
from tests.services.messaging.people import ANNA, BOB, EVE, introduce


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def test_a_blocked_person_cannot_write_to_the_blocker_nor_the_other_way(service: Harness) -> None:
    answer = await service.person(ANNA).post(f"/api/messages/blocks/{BOB}")
    assert answer.status_code == 201
    assert (answer.json()["user_id"], answer.json()["name"]) == (BOB, "Bob Tutor")

    answers = [
        await service.person(BOB).post("/api/messages", json={"recipient_id": ANNA, "message": "Hi"}),
        await service.person(ANNA).post("/api/messages", json={"recipient_id": BOB, "message": "Hi"}),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "blocked")] * 2
    await write(service, EVE, ANNA)
    await write(service, BOB, EVE)


async def test_a_blocked_person_reaches_nobody_by_editing(service: Harness) -> None:
    message = await write(service, BOB, ANNA, "Hi")
    await service.person(ANNA).post(f"/api/messages/blocks/{BOB}")

    answer = await service.person(BOB).patch(f"/api/messages/{message['id']}", json={"message": "Insult"})

    assert (answer.status_code, answer.json()["code"]) == (403, "blocked")


async def test_a_blocked_person_reaches_nobody_by_a_file(service: Harness) -> None:
    await service.person(ANNA).post(f"/api/messages/blocks/{BOB}")

    answer = await service.person(BOB).post(
        "/api/messages/with-attachment", data={"recipient_id": ANNA}, files={"file": ("a.txt", b"Hi")}
    )

    assert answer.status_code == 403


async def test_what_was_written_before_a_block_stays_readable_and_can_be_deleted(service: Harness) -> None:
    message = await write(service, BOB, ANNA, "Hi")
    await service.person(ANNA).post(f"/api/messages/blocks/{BOB}")

    assert [m["message"] for m in await messages(service, ANNA, BOB)] == ["Hi"]
    assert (await service.person(BOB).delete(f"/api/messages/{message['id']}")).status_code == 204


async def test_nothing_is_written_after_the_answer_to_a_block(service: Harness) -> None:
    anna, bob = service.person(ANNA), service.person(BOB)
    for _ in range(10):
        writing = [asyncio.create_task(bob.post("/api/messages", json={"recipient_id": ANNA, "message": "Hi"})) for _ in range(6)]
        blocked = await anna.post(f"/api/messages/blocks/{BOB}")
        at_once = (await anna.get(f"/api/messages/threads/{BOB}")).json()["total"]
        answers = await asyncio.gather(*writing)
        afterwards = (await anna.get(f"/api/messages/threads/{BOB}")).json()["total"]
        assert blocked.status_code == 201
        assert {a.status_code for a in answers} <= {201, 403}
        assert at_once == afterwards
        await anna.delete(f"/api/messages/blocks/{BOB}")


async def test_a_block_and_its_end_are_told_in_private_in_their_order(service: Harness) -> None:
    anna = service.person(ANNA)
    await anna.post(f"/api/messages/blocks/{BOB}")
    await anna.delete(f"/api/messages/blocks/{BOB}")

    events = await service.outbox(BlockChanged.type)
    assert BlockChanged.private
    assert [(e["data"]["blocker_id"], e["data"]["blocked_id"], e["data"]["is_blocked"]) for e in events] == [
        (ANNA, BOB, True),
        (ANNA, BOB, False),
    ]
    assert events[0]["data"]["changed_at"] < events[1]["data"]["changed_at"]


async def test_blocks_are_told_in_their_order_whatever_the_clocks_of_the_processes(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = service.person(ANNA)
    await anna.post(f"/api/messages/blocks/{BOB}")
    await anna.delete(f"/api/messages/blocks/{BOB}")
    monkeypatch.setitem(service.app.dependency_overrides, auth._now, lambda: datetime.now(UTC) - timedelta(hours=1))
    await anna.post(f"/api/messages/blocks/{BOB}")

    said = [(e["data"]["changed_at"], e["data"]["is_blocked"]) for e in await service.outbox(BlockChanged.type)]
    assert [is_blocked for _, is_blocked in sorted(said)] == [True, False, True]


async def test_a_resync_says_every_block_again_as_one_of_now(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "BATCH", 2)
    pairs = [(ANNA, BOB), (ANNA, EVE), (BOB, ANNA)]
    for blocker_id, blocked_id in pairs:
        await service.person(blocker_id).post(f"/api/messages/blocks/{blocked_id}")
    await resync.resync(Runtime(service.app.state.settings, service.database))
    await service.person(BOB).delete(f"/api/messages/blocks/{ANNA}")

    said = [BlockChanged.model_validate(e["data"]) for e in await service.outbox(BlockChanged.type)]
    assert [(b.blocker_id, b.blocked_id, b.is_blocked) for b in said] == [(*pair, True) for pair in pairs * 2] + [
        (BOB, ANNA, False)
    ]
    assert max(b.changed_at for b in said[:3]) < min(b.changed_at for b in said[3:])
    assert said[-1].changed_at > said[-2].changed_at


async def test_unblocking_lets_both_write_again(service: Harness) -> None:
    anna = service.person(ANNA)
    await anna.post(f"/api/messages/blocks/{BOB}")

    answers = [await anna.delete(f"/api/messages/blocks/{BOB}"), await anna.delete(f"/api/messages/blocks/{BOB}")]

    assert [a.status_code for a in answers] == [204, 404]
    await write(service, BOB, ANNA)


async def test_blocking_again_changes_nothing(service: Harness) -> None:
    anna = service.person(ANNA)
    first, second = [(await anna.post(f"/api/messages/blocks/{BOB}")) for _ in range(2)]

    assert (second.status_code, second.json()) == (201, first.json())
    assert len(await service.outbox("messaging.audit.recorded.v1")) == 1


async def test_blocks_are_listed_latest_first_to_their_owner_only(service: Harness) -> None:
    anna = service.person(ANNA)
    await anna.post(f"/api/messages/blocks/{BOB}")
    await anna.post(f"/api/messages/blocks/{EVE}")

    assert [b["user_id"] for b in (await anna.get("/api/messages/blocks")).json()] == [EVE, BOB]
    assert (await service.person(BOB).get("/api/messages/blocks")).json() == []


@pytest.mark.parametrize(("other_id", "status"), [(ANNA, 400), (999_999, 404), (0, 422)])
async def test_only_other_people_can_be_blocked(service: Harness, other_id: int, status: int) -> None:
    assert (await service.person(ANNA).post(f"/api/messages/blocks/{other_id}")).status_code == status
