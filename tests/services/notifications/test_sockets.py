"""Who is let in at `/ws/{user_id}`, when they are sent away, and what they may say."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
import websockets

from services.notifications import queries
from shared.events.auth import SessionsRevoked
from shared.tokens import TokenVerifier
from tests.harness import token
from tests.services.notifications.events import EVE, JANE, JOHN, message
from tests.services.notifications.stage import Device, Hub, Stage
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?token=", 4401),
        ("?token=nonsense", 4401),
        (f"?token={token(JANE, minutes=-1)}", 4401),
        (f"?token={token(EVE)}", 4403),
        (f"?token={token(EVE, 'admin')}", 4403),
        (f"?token={token(JANE)}&since=yesterday", 4400),
        (f"?token={token(JANE)}&since=-1", 4400),
    ],
    ids=["empty", "nonsense", "expired", "of another", "of an administrator", "since a word", "since before the first"],
)
async def test_nobody_else_gets_in(stage: Stage, query: str, code: int) -> None:
    hub = await stage.hub()
    async with hub.device(JANE, query) as device:
        assert (await device.closed())[0] == code


@pytest.mark.parametrize("path", ["x", "0", "-1", "9999999999999999999", "1e3", "%31%31"])
async def test_an_address_that_is_no_account_is_foreign(stage: Stage, path: str) -> None:
    hub = await stage.hub()
    url = f"ws://127.0.0.1:{hub.port}/ws/{path}?token={token(JANE)}"
    async with websockets.connect(url, proxy=None) as connection:
        device = Device(connection)
        if path == "%31%31":
            assert (await device.ping())["type"] == "pong"
        else:
            assert (await device.closed())[0] == 4403


async def test_the_token_may_come_in_the_first_message(stage: Stage) -> None:
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE, "") as jane:
        await jane.send({"type": "auth", "token": token(JANE)})
        await jane.ping()
        await stage.publish(message())
        await jane.hears("new_message")


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "auth", "token": "nonsense"}, 4401),
        ({"type": "auth", "token": token(EVE)}, 4403),
        ({"type": "auth", "token": None}, 4401),
        ({"type": "auth", "token": token(JANE), "since": "x"}, 4400),
        ({"type": "ping"}, 4401),
        ([], 4401),
    ],
    ids=["nonsense", "of another", "null", "since a word", "a ping", "a list"],
)
async def test_a_first_message_that_is_no_token_ends_it(stage: Stage, first: object, code: int) -> None:
    hub = await stage.hub()
    async with hub.device(JANE, "") as device:
        await device.send(first)
        assert (await device.closed())[0] == code


async def test_whoever_says_nothing_is_sent_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.endpoint.AUTH_WITHIN", 0.1)
    hub = await stage.hub()
    async with hub.device(JANE, "") as device:
        assert (await device.closed())[0] == 4401


async def test_an_expired_token_ends_the_connection(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE, f"?token={token(JANE, minutes=2 / 60)}") as jane:
        began = time.monotonic()
        assert (await jane.closed())[0] == 4401
        assert time.monotonic() - began < 3


async def test_a_fresh_token_keeps_the_connection(stage: Stage) -> None:
    hub = await stage.hub()
    old = time.time()
    async with hub.device(JANE, f"?token={token(JANE, minutes=1.5 / 60)}") as jane:
        await jane.send({"type": "auth", "token": token(JANE)})
        await jane.ping()
        await asyncio.sleep(old + 2.5 - time.time())  # the first token has expired then
        await jane.ping()


async def test_a_fresh_token_of_somebody_else_ends_the_connection(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        await jane.send({"type": "auth", "token": token(EVE)})
        assert (await jane.closed())[0] == 4403


async def test_revocation_ends_the_connections_it_concerns_within_a_second(stage: Stage) -> None:
    hub = await stage.hub()
    revocations = _tokens(hub).revocations
    async with hub.device(JANE) as jane, hub.device(JOHN) as john, hub.device(EVE, f"?token={token(EVE, session_id='s')}") as eve:
        began = time.monotonic()
        revocations.revoke_user(JANE, below_version=2, until=time.time() + 60)
        revocations.revoke_session("s", until=time.time() + 60)
        assert [(await jane.closed())[0], (await eve.closed())[0]] == [4401, 4401]
        assert time.monotonic() - began < 1
        await john.ping()
    async with hub.device(JANE) as jane:
        assert (await jane.closed())[0] == 4401
    async with hub.device(JANE, f"?token={token(JANE, version=2)}") as jane:
        await jane.ping()


async def test_a_revocation_said_by_auth_ends_the_connection(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane, hub.device(JOHN) as john:
        await jane.ping()

        async def is_closed() -> bool:
            until = datetime.now(UTC) + timedelta(minutes=1)
            await stage.publish(
                SessionsRevoked(user_id=JANE, below_version=2, until=until)
            )  # again: the queue may not be bound yet
            return jane.connection.close_code is not None

        await eventually(is_closed)
        assert (await jane.closed())[0] == 4401
        await john.ping()


async def test_more_devices_than_anybody_has_replace_the_oldest(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.DEVICES", 2)
    hub = await stage.hub()
    async with hub.device(JANE) as first, hub.device(JANE) as second, hub.device(JANE) as third:
        assert (await first.closed())[0] == 4429
        await second.ping()
        await third.ping()


async def test_a_device_that_is_slow_to_go_does_not_cost_a_second_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.DEVICES", 2)
    hub = await stage.hub()
    async with hub.device(JANE) as first, hub.device(JANE) as second:
        await second.ping()
        first.connection.transport.pause_reading()  # it does not answer the close
        async with hub.device(JANE) as third, hub.device(JANE) as fourth:
            assert (await second.closed())[0] == 4429
            await third.ping()
            await fourth.ping()
        first.connection.transport.resume_reading()


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"type":1}', '{"type":"sing"}', "[" * 4000, '{"type":"ping"', "9" * 4000]
)
async def test_what_makes_no_sense_is_answered_and_harms_nobody(stage: Stage, text: str) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        await jane.connection.send(text)
        assert (await jane.hears("error"))["code"] == "bad_frame"
        await jane.ping()


async def test_a_frame_too_long_ends_only_its_own_connection(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane, hub.device(JOHN) as john:
        await jane.connection.send("x" * 20_000)
        assert (await jane.closed())[0] == 1009
        await john.ping()


async def test_typing_reaches_the_other_side_of_a_thread_and_nobody_else(stage: Stage) -> None:
    one, two = await stage.hub(), await stage.hub()
    await stage.worker()
    async with one.device(JANE) as jane, two.device(JOHN) as john, two.device(EVE) as eve:
        await stage.publish(message(JANE, JOHN))
        await john.hears("new_message")

        await eve.send({"type": "typing", "recipient_id": JOHN})
        await jane.send({"type": "typing", "recipient_id": JOHN})
        assert await john.hears("typing") == {"type": "typing", "user_id": JANE, "is_typing": True}
        await jane.send({"type": "typing", "recipient_id": JOHN, "is_typing": False})
        await john.hears("typing", is_typing=False)
        await john.ping()
        assert [m["user_id"] for m in john.told if m["type"] == "typing"] == [JANE, JANE]


@pytest.mark.parametrize("other", [None, "12", True, 0, -1, JANE, 2**63, 1.5])
async def test_typing_to_nobody_is_refused(stage: Stage, other: object) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        await jane.send({"type": "typing", "recipient_id": other})
        assert "recipient_id" in (await jane.hears("error"))["detail"]


async def test_typing_all_the_time_is_not_passed_on(stage: Stage) -> None:
    hub = await stage.hub()
    await stage.worker()
    async with hub.device(JANE) as jane, hub.device(JOHN) as john:
        await stage.publish(message(JANE, JOHN))
        await john.hears("new_message")
        for _ in range(100):
            await jane.send({"type": "typing", "recipient_id": JOHN})
        await jane.ping()
        await stage.publish(message(JANE, JOHN, message="done"))
        await john.hears("new_message", message="done")
        assert 1 <= john.kinds().count("typing") <= 20


async def test_no_token_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        await jane.ping()
    secret = token(JANE).split(".")[0]  # the header, the same in each token
    ours = [r for r in caplog.records if not r.name.startswith("websockets.client")]
    assert not [r.getMessage() for r in ours if secret in r.getMessage()]
    assert secret not in capsys.readouterr().out


def _tokens(hub: Hub) -> TokenVerifier:
    tokens: TokenVerifier = hub.app.state.tokens
    return tokens


async def test_an_answer_is_json(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.device(JANE) as jane:
        await jane.connection.send('{"type":"ping"}')
        assert json.loads(await jane.connection.recv()) == {"type": "pong", "event_id": 0}


async def test_there_is_room_for_so_many_strangers_only(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.hub.hub.STRANGERS", 2)
    hub = await stage.hub()
    async with hub.device(JANE, "") as first, hub.device(JANE, ""), hub.device(JANE, "") as third, hub.device(JANE) as jane:
        assert (await third.closed())[0] == 1013
        await jane.ping()
        await first.send({"type": "auth", "token": token(JANE)})
        await first.ping()


async def test_typing_while_the_broker_is_away_harms_nobody(stage: Stage) -> None:
    hub = await stage.hub()
    async with hub.app.state.database.transaction() as tx:
        await tx.rows(queries.MEET, one=JANE, other=JOHN)
    exchange = hub.app.state.wire._private
    await exchange.channel.close()
    async with hub.device(JANE) as jane:
        await jane.send({"type": "typing", "recipient_id": JOHN})
        await jane.ping()
