"""What is refused of every request of its kind: ids that are unknown or none, bodies that cannot be read, values out of range."""

import re

import httpx
import pytest

from tests.contracts.openapi import Judge
from tests.contracts.refused import KEPT, every, some
from tests.contracts.shapes import problems
from tests.e2e.authorisation.samples import sample, target, who_may
from tests.e2e.scenario import Scenario
from tests.e2e.test_refusals import UNKNOWN, assert_refused

INVALID_IS_400 = ("POST /auth/register", "POST /api/bookings")
NOT_FOUND = {
    "attachment_id": "attachment_not_found",
    "availability_id": "window_not_found",
    "booking_id": "booking_not_found",
    "exception_id": "exception_not_found",
    "message_id": "message_not_found",
    "name": "not_found",
    "notification_id": "notification_not_found",
    "package_id": "package_not_found",
    "purchase_id": "package_not_found",
    "review_id": "review_not_found",
    "subject_id": "subject_not_found",
    "tutor_id": "tutor_not_found",
    "user_id": "not_found",
}
OTHERWISE = {
    "POST /api/messages/blocks/{user_id}": "person_not_found",
    "DELETE /api/messages/blocks/{user_id}": "not_blocked",
    "DELETE /api/students/favorites/{tutor_id}": "not_favorite",
}
WITH_PLACE = {endpoint: match[1] for endpoint in KEPT.operations if (match := re.search(r"\{(\w+)\}", endpoint))}
# Whoever has not written has an empty conversation: that is no reason to tell who exists.
OF_SOMETHING = {e: OTHERWISE.get(e) or NOT_FOUND[place] for e, place in WITH_PLACE.items() if place != "other_user_id"}
WITH_ID = [endpoint for endpoint, place in WITH_PLACE.items() if place != "name"]


def taking(*media_types: str) -> list[str]:
    """The operations that take such a body."""
    content = {e: operation.get("requestBody", {}).get("content", {}) for e, operation in KEPT.operations.items()}
    return [endpoint for endpoint, taken in content.items() if taken.keys() & set(media_types)]


WITH_JSON, WITH_FORM = taking("application/json"), taking("multipart/form-data")
WITH_QUERY = [
    (endpoint, parameter["name"])
    for endpoint, operation in KEPT.operations.items()
    for parameter in operation.get("parameters", [])
    if parameter["in"] == "query"
]
for endpoint, code in OF_SOMETHING.items():
    some(404, code, [endpoint])
some(400, "validation_error", INVALID_IS_400)
some(422, "validation_error", {*WITH_ID, *WITH_JSON, *WITH_FORM, *(endpoint for endpoint, _ in WITH_QUERY)} - {*INVALID_IS_400})
some(400, "bad_request", [*WITH_JSON, *WITH_FORM])


@pytest.mark.parametrize("endpoint", OF_SOMETHING)
async def test_what_is_not_there_is_not_found(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    answer = await client_of(endpoint, scenario).request(*target(endpoint, UNKNOWN), **sample(endpoint))

    assert_refused(judge, endpoint, answer, 404, OF_SOMETHING[endpoint])


@pytest.mark.parametrize("endpoint", WITH_ID)
async def test_an_id_that_is_none_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    for wrong in ("abc", "0", "1.5", str(2**63)):
        answer = await client_of(endpoint, scenario).request(*target(endpoint, wrong), **sample(endpoint))

        assert_refused(judge, endpoint, answer, 422, "validation_error")


@pytest.mark.parametrize(("endpoint", "name"), WITH_QUERY)
async def test_a_parameter_that_cannot_be_is_refused(scenario: Scenario, judge: Judge, endpoint: str, name: str) -> None:
    query = (sample(endpoint)["params"] or {}) | {name: "\x00"}
    answer = await client_of(endpoint, scenario).request(*target(endpoint), params=query)

    assert_refused(judge, endpoint, answer, 422, "validation_error")
    assert {error["field"].partition(".")[0] for error in answer.json()["errors"]} == {name}


@pytest.mark.parametrize("endpoint", WITH_JSON)
async def test_a_body_that_is_no_object_or_not_even_text_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    client, headers = client_of(endpoint, scenario), {"Content-Type": "application/json"}
    invalid = 400 if endpoint in INVALID_IS_400 else 422
    for body, status in ((b"{", invalid), (b"[]", invalid), (b'"text"', invalid), (b'{"a": "\xff"}', 400)):
        answer = await client.request(*target(endpoint), content=body, headers=headers)

        assert_refused(judge, endpoint, answer, status, "bad_request" if b"\xff" in body else "validation_error")
        if b"\xff" not in body:
            assert problems([{"field": "<text>", "message": "<text>"}], answer.json()["errors"]) == []


@pytest.mark.parametrize("endpoint", WITH_FORM)
async def test_a_form_that_is_none_or_has_no_file_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    client = client_of(endpoint, scenario)
    unreadable = await client.request(*target(endpoint), content=b"--", headers={"Content-Type": "multipart/form-data"})
    without_file = await client.request(*target(endpoint), files={"other": ("", b"")})

    assert_refused(judge, endpoint, unreadable, 400, "bad_request")
    assert_refused(judge, endpoint, without_file, 422, "validation_error")


@pytest.mark.parametrize("endpoint", every(415, "unsupported_media_type"))
async def test_a_body_that_does_not_say_to_be_what_is_taken_is_refused(scenario: Scenario, judge: Judge, endpoint: str) -> None:
    client = client_of(endpoint, scenario)
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}):
        answer = await client.request(*target(endpoint), content=b"{}", headers=headers)

        assert_refused(judge, endpoint, answer, 415, "unsupported_media_type")


def client_of(endpoint: str, scenario: Scenario) -> httpx.AsyncClient:
    """Somebody who may use the endpoint."""
    return scenario.person(who_may(endpoint)).client
