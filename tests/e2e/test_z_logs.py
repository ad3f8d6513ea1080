"""What the logs of the whole end-to-end run hold of what people said in confidence: nothing. The name makes it the last one."""

import re
from pathlib import Path

import psycopg
import pytest

from deploy.local.suite import Suite
from tests.e2e.conftest import Mailbox, text_of
from tests.e2e.people import PASSWORD, SECRETS, registers

JWT = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")
CODE = re.compile(r"enter this code:\s+(\S+)")
CREDENTIALS = re.compile(r"\w+://[^\s/:@\"]*:[^\s/:@\"]+@")
SHORTEST = 10  # characters: shorter messages ("Hello") may be anything
SAID = "In confidence: my cat's name is my password."


@pytest.fixture(scope="module")
async def logs(suite: Suite, gateway: str, mailbox: Mailbox) -> str:
    """All that every process wrote, after at least one of each secret was used, also in ways that fail."""
    person, other = await registers(gateway), await registers(gateway)
    headers = {"Authorization": "Bearer not.a.token-of-anybody"}
    await person.call("POST", "/api/messages", 201, json={"recipient_id": other.id, "message": SAID})
    await person.client.get("/api/messages/search", params={"query": SAID})
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    code = CODE.findall(text_of(await mailbox.holds(person.email, "asked for a new password")))[0]
    for body in ({"token": code, "new_password": "short"}, {"token": code, "new_password": "a fifth password"}):
        await person.client.post("/auth/reset-password", json=body)
    await person.client.get("/auth/me", headers=headers)
    await person.client.get("/api/tutors", params={"token": person.token, "password": PASSWORD})
    files = sorted(suite.log("gateway").parent.glob("*.log"))
    assert len({file.name.split(".")[0] for file in files}) >= 7
    return "\n".join(map(Path.read_text, files))


def test_requests_are_in_the_logs(logs: str) -> None:
    for route in ("/auth/reset-password", "/api/messages", "/auth/login"):
        assert route in logs


def test_no_password_and_no_token_is_in_the_logs(logs: str, mailbox: Mailbox) -> None:
    codes = {code for mail in mailbox.mails for code in CODE.findall(text_of(mail))}
    secrets = SECRETS | codes | {"a fifth password", "another password", "not.a.token-of-anybody"}

    assert len(codes) > 1
    assert {secret for secret in secrets if secret in logs} == set()
    assert JWT.findall(logs) == []


def test_no_secret_of_the_suite_itself_is_in_the_logs(logs: str, suite: Suite) -> None:
    assert suite.deployment.internal_token not in logs
    assert "PRIVATE KEY" not in logs
    assert CREDENTIALS.findall(logs) == []


def test_no_message_is_in_the_logs(logs: str, suite: Suite) -> None:
    with psycopg.connect(suite.deployment.databases["messaging"].runtime) as connection:
        texts = {row[0] for row in connection.execute("SELECT DISTINCT text FROM messages")}

    assert SAID in texts
    assert {text for text in texts if len(text) >= SHORTEST and text in logs} == set()
