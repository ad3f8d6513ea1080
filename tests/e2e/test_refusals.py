"""What the API reference says is refused, is refused: with its status, its code, and the one shape of every error."""

import json
from contextlib import suppress

import httpx
import psycopg
import pytest

from deploy.local.suite import Suite
from services.reporting.queries import COMPARING_LOCK
from tests.contracts.examples import ENDPOINTS, FOLDER, REFUSALS, Example, load, placed
from tests.contracts.openapi import Judge
from tests.contracts.refused import documenting, some
from tests.contracts.shapes import problems
from tests.e2e.asking import ask
from tests.e2e.authorisation.samples import who_may_not
from tests.e2e.scenario import Scenario
from tests.waiting import eventually

ACCESS: dict[str, list[str]] = json.loads((FOLDER.parent / "access.json").read_text())
INTRUDERS = {"student": ["tutor", "admin"], "tutor": ["student", "admin"], "tutor or admin": ["student"],
             "admin": ["student", "tutor"]}  # fmt: skip
UNKNOWN = 2**53 - 1
PROBLEM = {"detail": "<text>", "code": "<text>"}


@pytest.mark.parametrize("refusal", load(REFUSALS), ids=str)
async def test_what_cannot_be_done_is_refused_with_its_reason(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, refusal: Example
) -> None:
    known = await scenario.given(refusal.given) | {"nobody": nobody}
    answers: list[httpx.Response] = []

    async def refused() -> bool:
        answers.append(answer := await ask(refusal, known))
        return not refusal.eventually or (answer.status_code == refusal.status and answer.json()["code"] == refusal.code)

    with suppress(AssertionError):
        await eventually(refused)
    assert_refused(judge, refusal.endpoint, answers[-1], refusal.status, refusal.code)


@pytest.mark.parametrize("path", sorted({endpoint.split()[1] for endpoint in ENDPOINTS}))
async def test_a_method_that_is_not_there_is_refused_with_those_that_are(scenario: Scenario, path: str) -> None:
    answer = await scenario.admin.client.request("PROPFIND", placed(f"GET {path}", 1)[1])

    there = {method for method, its in map(str.split, ENDPOINTS) if its == path}
    assert (answer.status_code, problems(PROBLEM, answer.json())) == (405, [])
    assert there <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/subjects", "/auth/me", "/api/messages/threads"])
async def test_head_is_no_such_method_but_get_without_its_body(scenario: Scenario, path: str) -> None:
    get, head = await scenario.admin.client.get(path), await scenario.admin.client.head(path)

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", get.headers["content-length"])


@pytest.mark.parametrize("endpoint", some(409, "compared_already", ["GET /api/health/integrity"]))
async def test_replicas_are_not_compared_twice_at_once(suite: Suite, scenario: Scenario, judge: Judge, endpoint: str) -> None:
    with psycopg.connect(suite.deployment.databases["reporting"].runtime) as connection:
        connection.execute(COMPARING_LOCK)
        answer = await scenario.admin.client.request(*placed(endpoint, 1))

    assert_refused(judge, endpoint, answer, 409, "compared_already")


def test_whom_the_reference_lets_in_is_let_in_and_nobody_else() -> None:
    for only, intruders in INTRUDERS.items():
        assert [endpoint for endpoint in ACCESS[only] if who_may_not(endpoint) != intruders] == []
    needs_token = set(documenting(401, "unauthorized"))
    assert [endpoint for endpoint in ACCESS["everybody"] if endpoint in needs_token] == []
    assert [e for only, endpoints in ACCESS.items() if only != "everybody" for e in endpoints if e not in needs_token] == []


def test_the_table_of_access_holds_every_endpoint_once() -> None:
    assert sorted(endpoint for endpoints in ACCESS.values() for endpoint in endpoints) == sorted(ENDPOINTS)


def assert_refused(judge: Judge, endpoint: str, answer: httpx.Response, status: int, code: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert problems(PROBLEM | ({"code": code} if code else {}), answer.json()) == []
    assert judge.differences(endpoint, answer) == []
