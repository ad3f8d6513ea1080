"""Every route there is, tried by everybody: `authorisation/routes.txt` says what each is answered, and is complete."""

import pytest

from tests.e2e.authorisation.table import CALLERS, REFUSED, Row, declared, rows
from tests.e2e.authorisation.walk import Findings

pytestmark = pytest.mark.timeout(400)  # the first test goes through the whole table

ROWS = rows()


def test_the_table_has_one_row_for_each_route() -> None:
    assert sorted(row.route for row in ROWS) == sorted(declared())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_caller_is_answered_as_the_table_says(findings: Findings, row: Row) -> None:
    found = findings.answers[row.route]

    assert found.keys() == set(CALLERS)
    wrong = {name: status for column, said in found.items() for name, status in said.items() if status != row.expected[column]}
    assert not wrong, f"expected {row.expected}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.expected["anonymous"] == 401], ids=str)
def test_a_service_refuses_strangers_without_the_gateway(findings: Findings, row: Row) -> None:
    assert set(findings.direct[row.route].values()) == {401}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nobody_without_a_token_does_what_a_person_may_not(row: Row) -> None:
    """The table itself is sane: where any signed-in person is refused for who they are, so is a stranger."""
    if any(row.expected[column] in REFUSED - {404} for column in ("other_student", "other_tutor", "student", "tutor")):
        assert row.expected["anonymous"] in REFUSED
        assert row.expected["dead"] in REFUSED
