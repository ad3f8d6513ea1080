"""Every refusal that the OpenAPI document promises is provoked through the gateway, and every one that the reference lists."""

import importlib

import pytest

from tests.contracts.refused import DOCUMENTED, NOT_PROVOKED, PROVOKED, Refused

PROVOKING = (
    "tests.e2e.test_refusals",
    "tests.e2e.test_refusals_of_callers",
    "tests.e2e.test_refusals_of_requests",
    "tests.gateway.test_refusals",
    "tests.gateway.test_refusals_of_services",
)
"""Whoever provokes says so when it is imported."""
REFERENCE = {
    "POST /auth/register": (400, 409, 429),
    "POST /auth/login": (401, 429),
    "POST /api/bookings": (400, 402, 404),
    "POST /api/reviews": (400, 404),
    "GET /health": (503,),
}


@pytest.fixture(scope="module")
def provoked() -> set[Refused]:
    for module in PROVOKING:
        importlib.import_module(module)
    return PROVOKED


def test_every_documented_refusal_is_provoked_or_said_not_to_be(provoked: set[Refused]) -> None:
    assert sorted(DOCUMENTED - provoked - NOT_PROVOKED.keys()) == []


def test_nothing_is_provoked_that_is_not_documented(provoked: set[Refused]) -> None:
    assert sorted(provoked - DOCUMENTED) == []


def test_what_is_said_not_to_be_provoked_is_documented_and_is_not(provoked: set[Refused]) -> None:
    assert sorted(NOT_PROVOKED.keys() - DOCUMENTED | NOT_PROVOKED.keys() & provoked) == []


def test_every_error_that_the_reference_lists_is_provoked(provoked: set[Refused]) -> None:
    statuses = {(refused.endpoint, refused.status) for refused in provoked}

    assert [(e, status) for e, listed in REFERENCE.items() for status in listed if (e, status) not in statuses] == []
