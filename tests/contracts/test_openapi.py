"""The OpenAPI document is one: valid, kept in the repository as it is served, and good to generate clients from."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy import openapi
from gateway.openapi import merge
from gateway.routes import SERVICES, Routes
from tests.contracts.examples import ENDPOINTS, load
from tests.contracts.openapi import Judge


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, Any]]:
    return openapi.documents()


@pytest.fixture(scope="module")
def document(known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return merge(known, Routes(), openapi.PUBLIC_URL)


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method.upper()} {path}", op) for path, item in document["paths"].items() for method, op in item.items()]


def test_docs_openapi_json_is_up_to_date(document: dict[str, Any]) -> None:
    assert openapi.FILE.read_text() == openapi.render(document), "run `make openapi`"


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_said_of_a_service_does_not_depend_on_which_others_are_known(
    known: dict[str, dict[str, Any]], document: dict[str, Any], name: str
) -> None:
    """A gateway that starts before a service has not heard of it yet: clients made of either document are the same."""
    alone = {name: known[name]}
    others = {other: known[other] for other in SERVICES if other != name}

    for found in (merge(some, Routes(), openapi.PUBLIC_URL) for some in (alone, others)):
        assert {path for path, item in found["paths"].items() if item != document["paths"][path]} == set()
        for kind, parts in found["components"].items():
            assert {key: part for key, part in parts.items() if part != document["components"][kind].get(key)} == {}, kind
        assert [tag for tag in found["tags"] if tag not in document["tags"]] == []


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_schema_is_a_valid_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operation_ids_are_unique_and_names_for_functions(operations: list[tuple[str, dict[str, Any]]]) -> None:
    ids = [operation["operationId"] for _, operation in operations]

    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(rf"({'|'.join(SERVICES)}|gateway)_[a-z_]+", name)] == []


def test_every_endpoint_of_the_reference_is_an_operation(document: dict[str, Any]) -> None:
    judge = Judge(document)

    assert [endpoint for endpoint in ENDPOINTS if "responses" not in judge.operation(endpoint)] == []


def test_every_example_has_its_status_described_by_itself(document: dict[str, Any]) -> None:
    judge = Judge(document)

    assert [str(example) for example in load() if str(example.status) not in judge.operation(example.endpoint)["responses"]] == []


def test_every_answer_has_a_status_of_its_own(operations: list[tuple[str, dict[str, Any]]]) -> None:
    """`4XX` would let any refusal pass, and tell nobody anything."""
    for endpoint, operation in operations:
        assert [status for status in operation["responses"] if not re.fullmatch(r"[1-5]\d\d", status)] == [], endpoint


def test_every_operation_can_be_read_about(operations: list[tuple[str, dict[str, Any]]]) -> None:
    for endpoint, operation in operations:
        assert operation["summary"], endpoint
        assert operation["tags"], endpoint


def test_every_object_that_is_answered_names_its_properties(document: dict[str, Any]) -> None:
    """An answer without a schema would let anything pass, and generators make nothing of it."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answer = operation["responses"].get("200") or operation["responses"].get("201") or {}
            for media_type, content in answer.get("content", {}).items():
                assert content.get("schema"), f"{method} {path} {media_type}"


def test_the_judge_sees_what_is_not_described(document: dict[str, Any]) -> None:
    judge = Judge(document)
    right = {"unread_count": 1}

    assert judge.differences("GET /api/messages/unread/count", _answer(200, right)) == []
    assert judge.differences("GET /api/messages/unread/count", _answer(401, {"detail": "No.", "code": "unauthorized"})) == []
    assert judge.differences("GET /api/messages/unread/count", _answer(401, {"detail": "No.", "code": "wrong_role"})) != []
    for status, body in ((200, right | {"secret": 1}), (200, {}), (200, {"unread_count": "1"}), (201, right), (200, None)):
        assert judge.differences("GET /api/messages/unread/count", _answer(status, body)) != [], body


def _answer(status: int, body: Any) -> httpx.Response:
    return httpx.Response(status, json=body)
