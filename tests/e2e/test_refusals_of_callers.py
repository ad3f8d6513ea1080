"""Who is not let in: whoever shows no good token, has another role, or has lost the account."""

import httpx
import pytest

from deploy.local.suite import Suite
from tests.contracts.openapi import Judge
from tests.contracts.refused import every
from tests.e2e.authorisation.samples import sample, target, who_may, who_may_not
from tests.e2e.late import SignIn, late
from tests.e2e.scenario import Scenario
from tests.e2e.test_refusals import UNKNOWN, assert_refused

WITHOUT_TOKEN = [endpoint for endpoint in every(401, "unauthorized") if endpoint != "POST /auth/logout"]
WITH_BAD_TOKEN = every(401, "invalid_token")
WITH_ANOTHER_ROLE = [(endpoint, who) for endpoint in every(403, "wrong_role") for who in who_may_not(endpoint)]


@pytest.fixture(scope="module")
def signed_in(suite: Suite) -> SignIn:
    return late(suite)


@pytest.mark.parametrize("endpoint", WITHOUT_TOKEN)
async def test_nobody_comes_in_without_a_token(judge: Judge, nobody: httpx.AsyncClient, endpoint: str) -> None:
    answer = await nobody.request(*target(endpoint))

    assert_refused(judge, endpoint, answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", WITH_BAD_TOKEN)
async def test_nobody_comes_in_with_a_token_that_is_not_good(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, endpoint: str
) -> None:
    for authorization in ("Bearer nonsense", f"Bearer {scenario.admin.token[:-6]}AAAAAA", "Basic YTpi"):
        answer = await nobody.request(*target(endpoint), headers={"Authorization": authorization})

        assert_refused(judge, endpoint, answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("endpoint", "who"), WITH_ANOTHER_ROLE)
async def test_nobody_comes_in_with_another_role(scenario: Scenario, judge: Judge, endpoint: str, who: str) -> None:
    answer = await scenario.person(who).client.request(*target(endpoint))

    assert_refused(judge, endpoint, answer, 403, "wrong_role")


@pytest.mark.parametrize("endpoint", every(401, "account_gone"))
async def test_whoever_has_no_account_any_more_is_sent_away(judge: Judge, signed_in: SignIn, endpoint: str) -> None:
    role = "admin" if endpoint == "DELETE /auth/me" else who_may(endpoint)
    answer = await signed_in(UNKNOWN, role).request(*target(endpoint), **sample(endpoint))

    assert_refused(judge, endpoint, answer, 401, "account_gone")


@pytest.mark.parametrize("endpoint", every(404, "no_profile_yet"))
async def test_whoever_has_an_account_that_is_unheard_of_has_no_profile_yet(
    judge: Judge, signed_in: SignIn, endpoint: str
) -> None:
    answer = await signed_in(UNKNOWN, who_may(endpoint)).request(*target(endpoint), **sample(endpoint))

    assert_refused(judge, endpoint, answer, 404, "no_profile_yet")
