"""What a service refused for ever waits in its dead letters until somebody looks, gives it back, or drops it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID, uuid4

import aio_pika
import pytest
from prometheus_client import REGISTRY

from deploy.local import ports
from shared import broker, cli
from shared.broker import Broker
from shared.db import Database, Tx
from shared.dead_letters import DeadLetters, NoQueue
from shared.errors import Conflict
from shared.events.auth import AuthAudited
from shared.inbox import Consumer, Subscriptions
from tests.servers import Databases
from tests.waiting import eventually


class Refuser:
    """A consumer that refuses everything until it is cured."""

    def __init__(self, service: str) -> None:
        self.subscriptions = Subscriptions(service)
        self.subscriptions.on(AuthAudited)(self.hear)
        self.cured = False
        self.heard: list[UUID] = []

    async def hear(self, tx: Tx, event: AuthAudited) -> None:
        if not self.cured:
            raise Conflict
        self.heard.append(event.event_id)


@pytest.fixture
async def refuser(databases: Databases, amqp_url: str) -> AsyncIterator[Refuser]:
    refuser = Refuser(f"refuser{uuid4().hex[:6]}")
    database = Database(databases["reporting"], 4)
    await database.open()
    work = asyncio.ensure_future(Consumer(refuser.subscriptions, database, Broker(amqp_url, "test")).run())
    yield refuser
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    await database.close()
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        service = refuser.subscriptions.service
        for name in (f"edustream.{service}", f"edustream.{service}.dead", broker.later(service)):
            await channel.queue_delete(name)


async def dead(refuser: Refuser, amqp_url: str, count: int) -> list[UUID]:
    """Have this many events refused; their ids."""
    events = [AuthAudited(action=f"act{n}", actor_id=n) for n in range(count)]
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        queue = await broker.declare_inbox(channel, refuser.subscriptions.service, refuser.subscriptions.bindings)
        for event in events:
            message = aio_pika.Message(event.to_json(), message_id=str(event.event_id))
            await channel.default_exchange.publish(message, queue.name)
    async with DeadLetters.at(amqp_url) as letters:

        async def all_dead() -> bool:
            return await letters.count(refuser.subscriptions.service) == count

        await eventually(all_dead)
    return [event.event_id for event in events]


async def test_letters_that_nobody_could_take_stay_where_they_are(amqp_url: str) -> None:
    service = f"gone{uuid4().hex[:6]}"
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        queue = await channel.declare_queue(f"edustream.{service}.dead", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"{}", message_id="7", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, queue.name)

        async with DeadLetters.at(amqp_url) as letters:
            with pytest.raises(NoQueue):
                await letters.replay(service)

            assert [letter.id for letter in await letters.show(service)] == ["7"]
        await channel.queue_delete(queue.name)


async def test_dead_letters_are_shown_and_stay_where_they_are(refuser: Refuser, amqp_url: str) -> None:
    ids = await dead(refuser, amqp_url, 3)

    async with DeadLetters.at(amqp_url) as letters:
        for _ in range(2):
            shown = await letters.show(refuser.subscriptions.service)
            assert {UUID(letter.id) for letter in shown} == set(ids)
            assert {(letter.type, letter.reason) for letter in shown} == {("auth.audit.recorded.v1", "rejected")}
        assert len(await letters.show(refuser.subscriptions.service, limit=2)) == 2


async def test_looking_is_never_a_failed_delivery_however_often(refuser: Refuser, amqp_url: str) -> None:
    """RabbitMQ 4 drops from a queue without a limit of its own what was given back twenty times."""
    (id_,) = await dead(refuser, amqp_url, 1)
    service = refuser.subscriptions.service

    async with DeadLetters.at(amqp_url) as letters:
        for _ in range(25):
            assert [(UUID(letter.id), letter.reason) for letter in await letters.show(service)] == [(id_, "rejected")]
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        message = await (await channel.get_queue(f"edustream.{service}.dead")).get(timeout=5)
        assert message is not None
        assert not message.redelivered
        assert not (message.headers or {}).get("x-delivery-count")


@pytest.mark.parametrize("message_id", ["the same", None])
async def test_letters_are_all_dropped_whatever_their_ids(refuser: Refuser, amqp_url: str, message_id: str | None) -> None:
    await dead(refuser, amqp_url, 1)
    service = refuser.subscriptions.service
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        for _ in range(3):
            await channel.default_exchange.publish(aio_pika.Message(b"{}", message_id=message_id), f"edustream.{service}.dead")

    async with DeadLetters.at(amqp_url) as letters:
        assert len(await letters.show(service)) == 4
        assert await letters.drop(service) == 4
        assert await letters.show(service) == []


async def test_what_is_refused_again_is_not_given_back_for_ever(refuser: Refuser, amqp_url: str) -> None:
    await dead(refuser, amqp_url, 3)

    async with DeadLetters.at(amqp_url) as letters:
        assert await letters.replay(refuser.subscriptions.service) == 3


async def test_a_replayed_letter_is_handled_and_gone(refuser: Refuser, amqp_url: str) -> None:
    ids = await dead(refuser, amqp_url, 3)
    refuser.cured = True

    async with DeadLetters.at(amqp_url) as letters:
        assert await letters.replay(refuser.subscriptions.service, str(ids[1])) == 1
        await eventually(lambda: _is(refuser.heard, [ids[1]]))
        assert await letters.replay(refuser.subscriptions.service) == 2
        await eventually(lambda: _is(sorted(refuser.heard), sorted(ids)))
        assert await letters.count(refuser.subscriptions.service) == 0


async def test_a_replayed_letter_is_counted_by_what_it_tells_not_by_its_queue(refuser: Refuser, amqp_url: str) -> None:
    ids = await dead(refuser, amqp_url, 2)
    refuser.cured = True
    labels = {"service": refuser.subscriptions.service, "type": AuthAudited.type, "outcome": "done"}

    async def counted() -> bool:
        return REGISTRY.get_sample_value("edustream_events_handled_total", labels) == len(ids)

    async with DeadLetters.at(amqp_url) as letters:
        await letters.replay(refuser.subscriptions.service)
        await eventually(counted)


async def test_a_dropped_letter_is_gone_and_the_others_stay(refuser: Refuser, amqp_url: str) -> None:
    ids = await dead(refuser, amqp_url, 2)

    async with DeadLetters.at(amqp_url) as letters:
        assert await letters.drop(refuser.subscriptions.service, str(ids[0])) == 1
        assert [UUID(letter.id) for letter in await letters.show(refuser.subscriptions.service)] == [ids[1]]


async def test_a_service_that_never_ran_has_none(amqp_url: str) -> None:
    async with DeadLetters.at(amqp_url) as letters:
        assert await letters.count("nobody") == 0
        assert await letters.show("nobody") == []
        assert await letters.replay("nobody") == 0


def test_the_command_lists_every_service(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMQP_URL", amqp_url)

    assert cli.main(["dead", "list"]) == 0
    assert cli.main(["dead", "show", "reporting"]) == 0

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == cli.services()


async def test_the_command_shows_gives_back_and_drops(
    refuser: Refuser,
    amqp_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = refuser.subscriptions.service
    monkeypatch.setenv("AMQP_URL", amqp_url)
    monkeypatch.setattr(cli, "services", lambda: [service])
    ids = await dead(refuser, amqp_url, 3)
    refuser.cured = True

    async def told(*words: str, code: int = 0) -> str:
        capsys.readouterr()  # the consumer's log
        assert await asyncio.to_thread(cli.main, ["dead", *words]) == code
        return capsys.readouterr().out

    assert (await told("list")).split() == [service, "3"]
    shown = [json.loads(line) for line in (await told("show", service)).splitlines()]
    assert {UUID(letter["id"]) for letter in shown} == set(ids)
    assert all("data" not in letter for letter in shown), "they may be private"
    with_data = (await told("show", service, "--data", "--limit", "1")).splitlines()
    assert [json.loads(line)["data"]["action"][:3] for line in with_data] == ["act"]
    assert await told("drop", service, "--id", str(ids[0])) == "1 dropped\n"
    assert await told("replay", service, "--id", str(ids[0]), code=1) == f"0 given back to {service}\n"
    assert await told("replay", service, "--all") == f"2 given back to {service}\n"
    await eventually(lambda: _is(sorted(refuser.heard), sorted(ids[1:])))
    assert (await told("show", service)) == ""
    noted = [json.loads(record.message) for record in caplog.records if record.name == "shared.cli"]
    assert [(line["event"], line["service"], line["id"], line["count"]) for line in noted] == [
        ("dead_letters_drop", service, str(ids[0]), 1),
        ("dead_letters_replay", service, str(ids[0]), 0),
        ("dead_letters_replay", service, "all", 2),
    ]


def test_the_command_says_in_one_line_that_a_broker_cannot_be_of_this_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMQP_URL", "server-secret:5672")

    assert cli.main(["dead", "list"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("AMQP_URL: ")
    assert "server-secret" not in line


def test_the_command_says_in_one_line_that_the_broker_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMQP_URL", f"amqp://guest:server-secret@127.0.0.1:{ports.choose(0)}/")

    assert cli.main(["dead", "list"]) == 1

    (line,) = capsys.readouterr().out.splitlines()
    assert "cannot be asked" in line
    assert "server-secret" not in line


def test_the_command_wants_to_know_which_letters_and_of_whom(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["drop", "reporting"],
        ["replay", "reporting"],
        ["drop", "nobody", "--all"],
        ["drop", "auth", "--all", "--id", "x"],
    ):
        with pytest.raises(SystemExit) as refused:
            cli.main(["dead", *words])
        assert refused.value.code == 2


async def _is(found: list[UUID], expected: list[UUID]) -> bool:
    return found == expected
