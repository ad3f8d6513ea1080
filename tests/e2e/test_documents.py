"""What the gateway says about itself: the merged OpenAPI document holds every endpoint of the API reference."""

import json
import re
from pathlib import Path

import httpx
import pytest

from deploy import openapi
from tests.contracts.openapi import Judge

REFERENCE = (Path(__file__).parent.parent / "contracts" / "reference_endpoints.txt").read_text().splitlines()
GATEWAYS_OWN = {"/health"}


def shape(path: str) -> str:
    """A path with its parameters' names taken away: clients do not see them."""
    return re.sub(r"\{[^}]*\}", "{}", path)


@pytest.fixture(scope="module")
def described(gateway: str) -> set[tuple[str, str]]:
    document = httpx.get(f"{gateway}/openapi.json", timeout=20, trust_env=False).json()
    return {(method.upper(), shape(path)) for path, item in document["paths"].items() for method in item}


def test_what_is_served_is_what_the_repository_holds(judge: Judge) -> None:
    assert judge.document | {"servers": []} == json.loads(openapi.FILE.read_text()) | {"servers": []}


@pytest.mark.parametrize("endpoint", [e for e in REFERENCE if e.split()[1] not in GATEWAYS_OWN])
def test_every_endpoint_of_the_reference_is_described(described: set[tuple[str, str]], endpoint: str) -> None:
    method, path = endpoint.split()

    assert (method, shape(path)) in described


@pytest.mark.parametrize("endpoint", REFERENCE)
async def test_every_endpoint_of_the_reference_answers_with_the_one_error_shape_to_a_stranger(
    nobody: httpx.AsyncClient, endpoint: str
) -> None:
    method, path = endpoint.split()
    answer = await nobody.request(method, re.sub(r"\{[^}]*\}", "999999", path))

    assert answer.status_code not in (404, 405, 500, 502, 503, 504) or "999999" in answer.request.url.path, answer.text
    if answer.status_code >= 400:
        assert isinstance(answer.json()["detail"], str)
        assert answer.headers["content-type"] == "application/json"
