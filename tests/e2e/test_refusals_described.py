"""What the OpenAPI document says is refused, is: also by the endpoints that the reference does not know."""

import json
from typing import Any

import httpx
import pytest

from deploy.openapi import FILE
from tests.contracts.examples import ENDPOINTS, placed
from tests.contracts.openapi import Judge
from tests.contracts.shapes import problems
from tests.e2e.authorisation.asking import BODIES
from tests.e2e.authorisation.table import Row, rows
from tests.e2e.scenario import Scenario
from tests.e2e.test_refusals import ACCESS, UNKNOWN, assert_refused

OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in json.loads(FILE.read_text())["paths"].items()
    for method, operation in item.items()
}
ROWS: dict[str, Row] = {row.route: row for row in rows()}
INVALID_IS_400 = ("POST /auth/register", "POST /api/bookings")
PEOPLE = ("student", "tutor", "admin")
BEYOND = [endpoint for endpoint in OPERATIONS if endpoint not in ENDPOINTS]
WITH_ID = [
    endpoint
    for endpoint in BEYOND
    if any(its["in"] == "path" and its["schema"]["type"] == "integer" for its in OPERATIONS[endpoint].get("parameters", []))
]
WITH_JSON = [
    e for e, operation in OPERATIONS.items() if "application/json" in operation.get("requestBody", {}).get("content", {})
]
BY_ROLE = [
    (endpoint, who)
    for endpoint in BEYOND
    for who in PEOPLE
    if "`wrong_role`" in OPERATIONS[endpoint]["responses"].get("403", {}).get("description", "")
    and ROWS[endpoint].expected[who] == 403
]


@pytest.mark.parametrize("endpoint", [e for e in (*BEYOND, *ACCESS["everybody"]) if ROWS[e].expected["dead"] == 401])
async def test_a_token_that_is_not_good_is_refused_even_where_none_is_needed(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, endpoint: str
) -> None:
    for token in ("nonsense", scenario.admin.token[:-6] + "AAAAAA"):
        headers = {"Authorization": f"Bearer {token}"}
        answer = await nobody.request(*placed(endpoint, 1), headers=headers, json=BODIES.get(endpoint))

        assert_refused(judge, endpoint, answer, 401)


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in BEYOND if ROWS[endpoint].expected["anonymous"] == 401])
async def test_nobody_comes_in_without_a_token(judge: Judge, nobody: httpx.AsyncClient, endpoint: str) -> None:
    answer = await nobody.request(*placed(endpoint, 1), json=BODIES.get(endpoint))

    assert_refused(judge, endpoint, answer, 401)


@pytest.mark.parametrize(("endpoint", "who"), BY_ROLE)
async def test_nobody_comes_in_with_another_role(scenario: Scenario, judge: Judge, endpoint: str, who: str) -> None:
    answer = await getattr(scenario, who).client.request(*placed(endpoint, 1))

    assert_refused(judge, endpoint, answer, 403, "wrong_role")


@pytest.mark.parametrize("endpoint", WITH_ID)
async def test_an_unknown_id_is_not_found(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    answer = await client_of(endpoint, scenario).request(*placed(endpoint, UNKNOWN), json=BODIES.get(endpoint))

    assert_refused(judge, endpoint, answer, 404)


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in OPERATIONS if "{name}" in endpoint])
async def test_an_unknown_picture_is_not_found(judge: Judge, nobody: httpx.AsyncClient, endpoint: str) -> None:
    assert_refused(judge, endpoint, await nobody.request(*placed(endpoint, "nobody.webp")), 404)


@pytest.mark.parametrize("endpoint", WITH_ID)
async def test_an_id_that_is_none_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    for wrong in ("abc", "0", "1.5", str(2**63)):
        answer = await client_of(endpoint, scenario).request(*placed(endpoint, wrong), json=BODIES.get(endpoint))

        assert_refused(judge, endpoint, answer, 422, "validation_error")


@pytest.mark.parametrize("endpoint", WITH_JSON)
async def test_a_body_that_is_no_object_or_not_even_text_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    client, headers = client_of(endpoint, scenario), {"Content-Type": "application/json"}
    invalid = 400 if endpoint in INVALID_IS_400 else 422
    for body, status in ((b"{", invalid), (b"[]", invalid), (b'"text"', invalid), (b'{"a": "\xff"}', 400)):
        answer = await client.request(*placed(endpoint, 1), content=body, headers=headers)

        assert_refused(judge, endpoint, answer, status, "bad_request" if b"\xff" in body else "validation_error")
        if b"\xff" not in body:
            assert problems([{"field": "<text>", "message": "<text>"}], answer.json()["errors"]) == []


@pytest.mark.parametrize("endpoint", WITH_JSON)
async def test_a_body_that_does_not_say_to_be_json_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    client = client_of(endpoint, scenario)
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}):
        answer = await client.request(*placed(endpoint, 1), content=b"{}", headers=headers)

        assert_refused(judge, endpoint, answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("endpoint", WITH_JSON)
async def test_a_body_that_is_too_large_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    answer = await client_of(endpoint, scenario).request(*placed(endpoint, 1), json={"huge": "x" * 1_100_000})

    assert_refused(judge, endpoint, answer, 413)


def client_of(endpoint: str, scenario: Scenario) -> httpx.AsyncClient:
    """Somebody who may use the endpoint."""
    who = next(who for who in PEOPLE if ROWS[endpoint].expected[who] != 403)
    client: httpx.AsyncClient = getattr(scenario, who).client
    return client
