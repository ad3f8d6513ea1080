"""Wrong passwords are counted, and stop counting against strangers."""

import asyncio
from collections import Counter

import httpx
import pytest

from tests.harness import Harness
from tests.services.auth.people import account, audited, login, signed_in

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


async def failures(service: Harness, number: int, address: str = HOME, minutes_ago: int = 0, email: str | None = None) -> None:
    """As if so many wrong passwords had been sent: hashing each of them would take long."""
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO login_failures (subject, network, failed_at)
            SELECT sha256(coalesce('email:' || %(email)s::text, 'account:' || (SELECT id FROM accounts))::bytea),
              %(address)s, now() - make_interval(mins => %(minutes)s::int)
            FROM generate_series(1, %(number)s::int)""",
            email=email,
            address=address,
            minutes=minutes_ago,
            number=number,
        )


async def counted(service: Harness) -> int:
    async with service.database.reading() as tx:
        number: int = await tx.value("SELECT count(*) FROM login_failures")
        return number


async def test_the_tenth_wrong_password_from_an_address_is_the_last_that_is_looked_at(service: Harness) -> None:
    await account(service)
    await failures(service, 9)

    tenth = await login(service, password="wrong", address=HOME)
    eleventh = await login(service, address=HOME)

    assert tenth.status_code == 401
    assert (eleventh.status_code, eleventh.json()["code"]) == (429, "too_many_failures")
    assert 0 < int(eleventh.headers["retry-after"]) <= 900


async def test_nobody_can_lock_out_a_stranger(service: Harness) -> None:
    await account(service)
    await failures(service, 10, ELSEWHERE)

    assert (await login(service, address=ELSEWHERE)).status_code == 429
    assert (await login(service, address=HOME)).status_code == 200


async def test_the_lock_opens_after_a_quarter_of_an_hour(service: Harness) -> None:
    await account(service)
    await failures(service, 10, minutes_ago=15)

    assert (await login(service, address=HOME)).status_code == 200


async def test_retry_after_is_when_the_tenth_newest_failure_is_forgotten(service: Harness) -> None:
    await account(service)
    await failures(service, 8, minutes_ago=14)
    await failures(service, 10, minutes_ago=5)

    assert 590 <= int((await login(service, address=HOME)).headers["retry-after"]) <= 600


async def test_signing_in_forgives_earlier_failures_of_the_address(service: Harness) -> None:
    await account(service)
    await failures(service, 9, HOME)
    await failures(service, 5, ELSEWHERE)

    await signed_in(service)

    assert await counted(service) == 5


async def test_a_hundred_failures_from_anywhere_leave_only_known_addresses(service: Harness) -> None:
    await account(service)
    assert (await login(service, address=HOME)).status_code == 200
    for last in range(20):
        await failures(service, 5, f"203.0.113.{last}")

    assert (await login(service, address=ELSEWHERE)).status_code == 429
    assert (await login(service, address=HOME)).status_code == 200


async def test_an_address_is_forgotten_after_thirty_days(service: Harness) -> None:
    await account(service)
    await login(service, address=HOME)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE sessions SET created_at = now() - interval '31 days'")
    await failures(service, 100, "203.0.113.1")

    assert (await login(service, address=HOME)).status_code == 429


async def test_addresses_that_nobody_has_are_locked_alike(service: Harness) -> None:
    await failures(service, 9, email="nobody@example.com")

    answers = [(await login(service, email, "wrong", HOME)).status_code for email in ["nobody@example.com", "NOBODY@example.com"]]

    assert answers == [401, 429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
async def test_an_ipv6_subscriber_counts_as_one_address(service: Harness, first: str, second: str, same: bool) -> None:
    await account(service)
    for _ in range(2):
        await login(service, password="wrong", address=first)
    async with service.database.transaction() as tx:
        await tx.run(
            "INSERT INTO login_failures (subject, network, failed_at) SELECT subject, network, now() FROM login_failures"
        )
        await tx.run(
            "INSERT INTO login_failures (subject, network, failed_at) SELECT subject, network, now() FROM login_failures"
        )
        await tx.run(
            "INSERT INTO login_failures (subject, network, failed_at) SELECT subject, network, now() FROM login_failures"
        )

    assert (await login(service, address=second)).status_code == (429 if same else 200)


async def test_many_wrong_passwords_at_once_are_no_way_around_the_limit(service: Harness) -> None:
    await account(service)
    await failures(service, 6)

    answers = await asyncio.gather(*(login(service, password="wrong", address=HOME) for _ in range(12)))

    assert Counter(a.status_code for a in answers) == {401: 4, 429: 8}
    assert await counted(service) == 10


async def test_a_right_password_among_too_many_wrong_ones_is_not_told(service: Harness) -> None:
    await account(service)
    await failures(service, 9)

    wrong, *right = await asyncio.gather(
        login(service, password="wrong", address=HOME), *(login(service, address=HOME) for _ in range(2))
    )

    # Whichever came first: once the tenth failure is counted, a right password is answered as a wrong one; one that came before
    # it forgives all failures until then, one that came after the wrong one that too.
    assert wrong.status_code == 401
    answers, failed = {a.status_code for a in right}, await counted(service)
    assert (answers, failed) in (({429}, 10), ({200}, 1), ({200}, 0))


async def test_many_right_logins_at_once_all_succeed(service: Harness) -> None:
    await account(service)

    answers: list[httpx.Response] = await asyncio.gather(*(login(service) for _ in range(12)))

    assert {a.status_code for a in answers} == {200}


async def test_a_lock_is_told_to_the_audit_log_once(service: Harness) -> None:
    user_id = await account(service)
    await failures(service, 9)

    await login(service, password="wrong", address=HOME, agent="burglar")
    await login(service, password="wrong", address=HOME)

    (said,) = await audited(service)
    assert (said["action"], said["actor_id"], said["target_id"]) == ("sign_in_locked", None, user_id)
    assert (said["ip_address"], said["user_agent"]) == (HOME, "burglar")


async def test_the_moment_an_account_is_locked_everywhere_is_in_the_audit_log_once(service: Harness) -> None:
    await account(service)
    for last in range(11):
        await failures(service, 9, f"203.0.113.{last}")

    assert (await login(service, password="wrong", address=HOME)).status_code == 401
    assert (await login(service, password="wrong", address=ELSEWHERE)).status_code == 429

    (act,) = await audited(service)
    assert (act["action"], act["details"], act["ip_address"]) == ("sign_in_locked_everywhere", {"failures": 100}, HOME)
