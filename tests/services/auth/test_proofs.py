"""Passwords that were compared side by side are judged one after the other."""

import asyncio
from datetime import UTC, datetime

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from services.auth.actions import proofs
from services.auth.actions.proofs import Proof
from services.auth.passwords import HASHER, Passwords
from services.auth.queries import RAISE_TOKEN_VERSION, SET_PASSWORD, Credentials
from services.auth.rules import TooManyFailures
from shared.auth import Origin
from tests.harness import Harness
from tests.services.auth.people import PASSWORD, account

HERE = Origin("192.0.2.1", "tests")


async def weighed(service: Harness, password: str = PASSWORD) -> Proof:
    hashing: Passwords = service.app.state.passwords
    return await proofs.weigh(service.database, hashing, "john@example.com", password, HERE, datetime.now(UTC))


async def judged(service: Harness, proof: Proof) -> Credentials | None:
    async with service.database.transaction() as tx:
        return await proofs.accept(tx, proof, datetime.now(UTC))


async def test_of_many_wrong_passwords_compared_at_once_ten_are_answered(service: Harness) -> None:
    await account(service)
    wrong = await weighed(service, "wrong")

    verdicts = await asyncio.gather(*(judged(service, wrong) for _ in range(30)), return_exceptions=True)

    assert sum(verdict is None for verdict in verdicts) == 10
    assert sum(isinstance(verdict, TooManyFailures) for verdict in verdicts) == 20
    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM login_failures") == 10


async def test_a_right_password_after_ten_wrong_ones_is_not_told_although_it_was_compared(service: Harness) -> None:
    await account(service)
    right, wrong = await weighed(service), await weighed(service, "wrong")
    for _ in range(10):
        await judged(service, wrong)

    with pytest.raises(TooManyFailures):
        await judged(service, right)


async def test_a_password_that_changed_while_it_was_compared_is_wrong(service: Harness) -> None:
    user_id = await account(service)
    proof = await weighed(service)
    async with service.database.transaction() as tx:
        await tx.run(SET_PASSWORD, id=user_id, password_hash=HASHER.hash("another password"))
        await tx.run(RAISE_TOKEN_VERSION, account_id=user_id)

    assert await judged(service, proof) is None


async def test_a_hash_of_former_parameters_is_renewed_by_whoever_signs_in_however_many_at_once(service: Harness) -> None:
    user_id = await account(service)
    former = PasswordHash([Argon2Hasher(memory_cost=8 * 1024, time_cost=1, parallelism=1)]).hash(PASSWORD)
    async with service.database.transaction() as tx:
        await tx.run(SET_PASSWORD, id=user_id, password_hash=former)

    weighed_at_once = [await weighed(service), await weighed(service)]
    assert all([await judged(service, proof) for proof in weighed_at_once])

    async with service.database.reading() as tx:
        stored = await tx.value("SELECT password_hash FROM accounts WHERE id = %(id)s", id=user_id)
    assert HASHER.verify_and_update(PASSWORD, stored) == (True, None)


async def test_an_account_that_was_deactivated_while_its_password_was_compared_is_refused(service: Harness) -> None:
    await account(service)
    proof = await weighed(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET is_active = false")

    assert await judged(service, proof) is None


async def test_a_right_password_is_right(service: Harness) -> None:
    user_id = await account(service)

    found = await judged(service, await weighed(service))

    assert found is not None
    assert (found.id, found.token_version) == (user_id, 1)
