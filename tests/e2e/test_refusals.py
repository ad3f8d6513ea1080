"""What the API reference says is refused, is refused: with its status, its code, and the one shape of every error."""

import json
from contextlib import suppress

import httpx
import pytest

from tests.contracts.examples import ENDPOINTS, FOLDER, REFUSALS, Example, load, placed
from tests.contracts.openapi import Judge
from tests.contracts.shapes import problems
from tests.e2e.asking import ask
from tests.e2e.people import Person
from tests.e2e.scenario import Scenario
from tests.waiting import eventually

ACCESS: dict[str, list[str]] = json.loads((FOLDER.parent / "access.json").read_text())
CALLERS = {"everybody": "nobody", "signed in": "student", "student": "student", "tutor": "tutor", "tutor or admin": "tutor",
           "admin": "admin"}  # fmt: skip
INTRUDERS = {"student": ["tutor", "admin"], "tutor": ["student", "admin"], "tutor or admin": ["student"],
             "admin": ["student", "tutor"]}  # fmt: skip
WITH_ID = [endpoint for endpoint in ENDPOINTS if "{" in endpoint]
UNKNOWN = 2**53 - 1
# Whoever has not written has an empty conversation: that is no reason to tell who exists.
NEVER_UNKNOWN = ("GET /api/messages/threads/{other_user_id}", "PATCH /api/messages/threads/{other_user_id}/read-all")


@pytest.mark.parametrize("refusal", load(REFUSALS), ids=str)
async def test_what_cannot_be_done_is_refused_with_its_reason(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, refusal: Example
) -> None:
    known = await scenario.given(refusal.given) | {"nobody": nobody}
    answers: list[httpx.Response] = []

    async def refused() -> bool:
        answers.append(await ask(refusal, known))
        return not refusal.eventually or answers[-1].status_code == refusal.status

    with suppress(AssertionError):
        await eventually(refused)
    assert_refused(judge, refusal.endpoint, answers[-1], refusal.status, refusal.code)


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint not in ACCESS["everybody"]])
async def test_nobody_comes_in_without_a_good_token(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, endpoint: str
) -> None:
    for token in ("", "nonsense", scenario.admin.token[:-6] + "AAAAAA"):
        answer = await nobody.request(*placed(endpoint, 1), headers={"Authorization": f"Bearer {token}"} if token else {})

        assert_refused(judge, endpoint, answer, 401, "invalid_token" if token else "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("endpoint", "intruder"), [(e, who) for only, others in INTRUDERS.items() for e in ACCESS[only] for who in others]
)
async def test_nobody_comes_in_with_another_role(scenario: Scenario, judge: Judge, endpoint: str, intruder: str) -> None:
    answer = await getattr(scenario, intruder).client.request(*placed(endpoint, 1))

    assert_refused(judge, endpoint, answer, 403, "wrong_role")


@pytest.mark.parametrize("example", [e for e in load() if e.endpoint in WITH_ID and e.endpoint not in NEVER_UNKNOWN], ids=str)
async def test_an_unknown_id_is_not_found(scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, example: Example) -> None:
    known = await scenario.given(example.given) | {"nobody": nobody}
    answer = await ask(example, known, placed(example.endpoint, UNKNOWN)[1])

    assert_refused(judge, example.endpoint, answer, 404)
    assert answer.json()["code"].endswith(("not_found", "not_favorite"))


@pytest.mark.parametrize("endpoint", WITH_ID)
async def test_an_id_that_is_none_is_refused(scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, endpoint: str) -> None:
    client = client_of(endpoint, scenario, nobody)
    for wrong in ("abc", "0", "1.5", str(2**63)):
        answer = await client.request(*placed(endpoint, wrong))

        assert_refused(judge, endpoint, answer, 422, "validation_error")


@pytest.mark.parametrize("path", sorted({endpoint.split()[1] for endpoint in ENDPOINTS}))
async def test_a_method_that_is_not_there_is_refused_with_those_that_are(scenario: Scenario, path: str) -> None:
    answer = await scenario.admin.client.request("PROPFIND", placed(f"GET {path}", 1)[1])

    there = {method for method, its in map(str.split, ENDPOINTS) if its == path}
    assert (answer.status_code, problems(PROBLEM, answer.json())) == (405, [])
    assert there <= set(answer.headers["allow"].split(", "))


def test_the_table_of_access_holds_every_endpoint_once() -> None:
    assert sorted(endpoint for endpoints in ACCESS.values() for endpoint in endpoints) == sorted(ENDPOINTS)


def client_of(endpoint: str, scenario: Scenario, nobody: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody who may use the endpoint."""
    who = CALLERS[next(only for only, endpoints in ACCESS.items() if endpoint in endpoints)]
    person: Person | None = getattr(scenario, who, None)
    return person.client if person else nobody


PROBLEM = {"detail": "<text>", "code": "<text>"}


def assert_refused(judge: Judge, endpoint: str, answer: httpx.Response, status: int, code: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert problems(PROBLEM | ({"code": code} if code else {}), answer.json()) == []
    assert judge.differences(endpoint, answer) == []
