"""Signing keys through their life."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import structlog.testing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.auth.commands import replace_key, rotate_key
from services.auth.keyring import LONGEST_TOKEN, Keyring
from services.auth.keys import SigningKey
from shared.db import Database
from shared.errors import Unavailable
from shared.tokens import InvalidToken, TokenVerifier
from shared.worker import Runtime
from tests.harness import PRIVATE_KEY, SIGNING_KEY, Harness
from tests.services.auth.people import account, login
from tests.waiting import eventually

NOW = datetime.now(UTC)
OTHER_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def kids(keyring: Keyring, at: datetime) -> list[str]:
    return [key["kid"] for key in keyring.document(at)["keys"]]


async def ring(database: Database, pem: str = PRIVATE_KEY) -> Keyring:
    """A process that starts now."""
    keyring = Keyring(pem)
    await keyring.look(database)
    return keyring


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that cannot be reached."""
    database = Database("postgresql://127.0.0.1:1/nowhere", 2)
    yield database
    await database.close()


async def rotated(service: Harness, signs_from: datetime, *, alone: bool = False) -> SigningKey:
    async with service.database.transaction() as tx:
        return await Keyring(PRIVATE_KEY).add(tx, signs_from, alone=alone)


async def test_before_any_rotation_the_configured_key_signs(service: Harness) -> None:
    keyring = await ring(service.database)

    assert keyring.signer(NOW).kid == SIGNING_KEY.kid
    assert kids(keyring, NOW) == [SIGNING_KEY.kid]


async def test_a_rotated_key_is_announced_signs_and_outlives_the_old_one(service: Harness) -> None:
    key = await rotated(service, NOW + timedelta(minutes=10))
    keyring = await ring(service.database)
    signs = NOW + timedelta(minutes=10)

    assert keyring.signer(NOW).kid == SIGNING_KEY.kid
    assert kids(keyring, NOW) == [key.kid, SIGNING_KEY.kid], "announced, and not signing yet"
    assert keyring.signer(signs).kid == key.kid
    assert kids(keyring, signs + LONGEST_TOKEN - timedelta(seconds=1)) == [key.kid, SIGNING_KEY.kid], "its tokens may still live"
    assert kids(keyring, signs + LONGEST_TOKEN) == [key.kid]


async def test_tokens_of_both_keys_are_good_during_a_rotation(service: Harness) -> None:
    old = SIGNING_KEY.sign(1, "student", 1, "s", NOW, timedelta(minutes=20))
    key = await rotated(service, NOW)
    keyring = await ring(service.database)
    new = keyring.signer(NOW).sign(1, "student", 1, "s", NOW, timedelta(minutes=20))

    async def fetch() -> dict[str, Any]:
        return keyring.document(NOW)

    verifier = TokenVerifier(fetch)
    assert jwt.get_unverified_header(new)["kid"] == key.kid
    assert (await verifier.verify(old)).user_id == (await verifier.verify(new)).user_id == 1


async def test_a_replaced_key_counts_no_more_at_once(service: Harness) -> None:
    await rotated(service, NOW - timedelta(minutes=5))
    key = await rotated(service, NOW, alone=True)
    keyring = await ring(service.database)

    assert keyring.signer(NOW).kid == key.kid
    assert kids(keyring, NOW) == [key.kid]

    async def fetch() -> dict[str, Any]:
        return keyring.document(NOW)

    with pytest.raises(InvalidToken):
        await TokenVerifier(fetch).verify(SIGNING_KEY.sign(1, "student", 1, "s", NOW, timedelta(minutes=20)))


async def test_rotating_after_a_replacement_does_not_bring_the_leaked_keys_back(service: Harness) -> None:
    alone = await rotated(service, NOW - timedelta(minutes=5), alone=True)
    newest = await rotated(service, NOW)

    assert kids(await ring(service.database), NOW) == [newest.kid, alone.kid]


async def test_keys_are_useless_without_the_configured_one(service: Harness) -> None:
    await rotated(service, NOW - timedelta(minutes=5))

    keyring = await ring(service.database, OTHER_KEY)

    assert kids(keyring, NOW) == [SigningKey(OTHER_KEY).kid], "whoever configures another key starts anew"


async def test_of_a_key_that_cannot_be_opened_a_process_speaks_once(service: Harness) -> None:
    key = await rotated(service, NOW)
    keyring = Keyring(OTHER_KEY)

    with structlog.testing.capture_logs() as said:
        for _ in range(2):
            keyring._looked_at = float("-inf")  # seconds have passed
            await keyring.look(service.database)

    assert [(entry["event"], entry["kid"]) for entry in said] == [("key_of_another_seal_ignored", key.kid)]


async def test_keys_that_nothing_depends_on_are_forgotten_at_the_next_rotation(service: Harness) -> None:
    for days in (40, 30, 20):
        await rotated(service, NOW - timedelta(days=days))
    await rotated(service, NOW)

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM signing_keys") == 2


async def test_the_commands_rotate_and_replace(service: Harness, runtime: Runtime) -> None:
    await rotate_key(runtime)
    announced = kids(await ring(service.database), datetime.now(UTC))
    await replace_key(runtime)
    replaced = kids(await ring(service.database), datetime.now(UTC))

    assert len(announced) == 2
    assert announced[1] == SIGNING_KEY.kid
    assert SIGNING_KEY.kid not in replaced
    assert len(replaced) == 1
    assert announced[0] not in replaced, "it leaked with the others"


async def test_a_running_process_signs_with_a_rotated_key_within_seconds(service: Harness) -> None:
    await account(service)
    key = await rotated(service, NOW)
    service.app.state.keyring._looked_at = float("-inf")  # seconds have passed
    try:
        token = (await login(service)).json()["access_token"]
        published = (await service.client().get("/.well-known/jwks.json")).json()["keys"]
    finally:
        service.app.state.keyring = Keyring(PRIVATE_KEY)

    assert jwt.get_unverified_header(token)["kid"] == key.kid
    assert [k["kid"] for k in published] == [key.kid, SIGNING_KEY.kid]
    assert {"d"}.isdisjoint(published[0])


async def test_without_a_database_the_known_keys_go_on(service: Harness, nowhere: Database) -> None:
    key = await rotated(service, NOW)
    keyring = await ring(service.database)
    keyring._looked_at = float("-inf")  # seconds have passed

    await keyring.look(nowhere)

    assert keyring.signer(NOW).kid == key.kid


async def test_who_has_not_read_the_keys_yet_neither_signs_nor_publishes(service: Harness, nowhere: Database) -> None:
    key = await rotated(service, NOW - LONGEST_TOKEN)
    keyring = Keyring(PRIVATE_KEY)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await keyring.look(nowhere)

    await keyring.look(service.database)

    assert keyring.signer(NOW).kid == key.kid
    assert kids(keyring, NOW) == [key.kid]


async def test_all_who_come_first_wait_for_the_keys_though_the_very_first_leaves(service: Harness) -> None:
    key = await rotated(service, NOW)
    keyring = Keyring(PRIVATE_KEY)
    async with service.database.transaction() as tx:
        await tx.run("LOCK signing_keys")
        first, *others = [asyncio.create_task(keyring.look(service.database)) for _ in range(5)]
        await eventually(lambda: tx.value("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
        first.cancel()
        await asyncio.wait({first, *others}, return_when=asyncio.FIRST_COMPLETED)
        assert not any(other.done() for other in others)

    await asyncio.gather(*others)

    assert first.cancelled()
    assert keyring.signer(NOW).kid == key.kid


def test_a_key_of_another_kind_is_refused() -> None:
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(ValueError, match="Ed25519"):
        SigningKey(rsa)


def test_a_key_may_be_written_on_one_line() -> None:
    assert SigningKey(PRIVATE_KEY.replace("\n", "\\n")).kid == SIGNING_KEY.kid
