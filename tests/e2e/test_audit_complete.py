"""The audit log is complete: every act that the table of `authorisation/` calls audited is found in it, by whoever did it."""

from typing import Any

import pytest

from tests.e2e.authorisation.table import Row, rows
from tests.e2e.authorisation.walk import Findings
from tests.e2e.conftest import Mailbox, text_of
from tests.e2e.people import PASSWORD, Person, registers
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)  # the first test goes through the whole table

ROWS = rows()
AUDITED = [row for row in ROWS if row.action]
Log = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
async def log(findings: Findings, administrator: Person) -> Log:
    """The entries that the walk through the table left, by user agent; complete when all that are expected are there."""
    expected = {success.user_agent for success in findings.successes if success.row.action}

    async def read() -> Log:
        found = await _by_user_agent(administrator)
        return found if expected <= found.keys() else {}

    try:
        return await eventually(read, 20)
    except AssertionError:
        return await _by_user_agent(administrator)  # each test says what it misses


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_for_administrators and row.method != "GET"], ids=str)
def test_whatever_only_administrators_can_change_is_audited(row: Row) -> None:
    assert row.action


@pytest.mark.parametrize("row", AUDITED, ids=str)
def test_the_log_says_who_did_it_to_whom_and_from_where(findings: Findings, log: Log, row: Row) -> None:
    done = [success for success in findings.successes if success.row == row and success.actor]

    assert done, "nobody was allowed to: nothing is proved"
    for success in done:
        (entry,) = log.get(success.user_agent, [{}])
        assert entry, f"no entry of {success.user_agent}"
        assert (entry["action"], entry["user_id"], entry["ip_address"]) == (row.action, success.actor, "127.0.0.1")
        assert entry["details"].keys() >= set(row.details)
        if entry["target_id"] is None:
            assert success.about == {success.actor}, "it was about something"
        else:
            assert entry["target_id"] in success.about


def test_nothing_that_was_refused_is_in_the_log(findings: Findings, log: Log) -> None:
    allowed = {success.user_agent for success in findings.successes}
    said = {agent for agent in log if agent.partition(": ")[2] in findings.answers}

    assert said <= allowed


async def test_acts_of_people_who_are_not_signed_in_are_audited(gateway: str, administrator: Person, mailbox: Mailbox) -> None:
    person = await registers(gateway)
    client, headers = person.client, {"User-Agent": f"stranger of {person.email}"}
    verification = await _secret(mailbox, person.email, "please confirm that this address is yours")
    await client.post("/auth/verify-email", json={"token": verification}, headers=headers)
    await client.post("/auth/forgot-password", json={"email": person.email})
    reset = await _secret(mailbox, person.email, "asked for a new password")
    await client.post("/auth/reset-password", json={"token": reset, "new_password": "yet another one"}, headers=headers)
    for _ in range(11):
        await client.post("/auth/login", json={"email": person.email, "password": "wrong"}, headers=headers)

    async def read() -> list[dict[str, Any]]:
        found = (await _by_user_agent(administrator)).get(headers["User-Agent"], [])
        return found if len(found) >= 3 else []

    entries = await eventually(read)
    assert {entry["action"] for entry in entries} == {"email_verified", "password_reset", "sign_in_locked"}
    assert {(entry["target_id"], entry["ip_address"]) for entry in entries} == {(person.id, "127.0.0.1")}
    assert not any(secret in str(entries) for secret in (verification, reset, "yet another one", PASSWORD))


async def _by_user_agent(administrator: Person) -> Log:
    found: Log = {}
    page = 1
    while entries := await administrator.get("/api/audit/logs", page=page, page_size=100):
        for entry in entries:
            found.setdefault(entry["user_agent"] or "", []).append(entry)
        page += 1
    return found


async def _secret(mailbox: Mailbox, address: str, words: str) -> str:
    """The code in a mail."""
    mail = await mailbox.holds(address, words)
    return text_of(mail).partition("enter this code:")[2].split()[0]
