"""Every SQL statement of every service fits its migrated schema: a renamed column cannot break one unseen."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import psycopg
import pytest

from shared import cli, db, idempotency, inbox, outbox
from tests.servers import Databases

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|MERGE)\s", re.IGNORECASE)
PARAMETER = re.compile(r"%\((\w+)\)s")
LIMIT_ASKED_AGAIN = re.compile(r"\bIN\s*\(\s*SELECT\b(?:[^()]|\([^()]*\))*\bLIMIT\b")
PLACE = re.compile(r"\{\w*\}")  # where a condition goes; true fits everywhere one does


def constants(module_name: str) -> Iterator[tuple[str, str]]:
    """The SQL statements among a module's UPPERCASE strings, by name."""
    module = importlib.import_module(module_name)
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and STATEMENT.match(value):
            yield f"{module_name}.{name}", value


def statements(service: str) -> dict[str, str]:
    """All statements that run in a service's database."""
    package = importlib.import_module(f"services.{service}")
    modules = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    names = [name for name in modules if ".migrations" not in name and not name.endswith("__main__")]
    names += [db.__name__, outbox.__name__, inbox.__name__, idempotency.__name__]
    return dict(found for name in names for found in constants(name))


def numbered(statement: str) -> str:
    """With parameters as PREPARE wants them."""
    order: dict[str, int] = {}
    text = PARAMETER.sub(lambda found: f"${order.setdefault(found[1], len(order) + 1)}", PLACE.sub("true", statement))
    return text.replace("%%", "%")


@pytest.mark.parametrize("service", cli.services())
def test_every_statement_fits_the_schema(service: str, databases: Databases) -> None:
    wrong = {}
    with psycopg.connect(databases[service], autocommit=True) as connection:
        for name, statement in statements(service).items():
            try:
                connection.execute(f"PREPARE statement AS {numbered(statement)}")
                connection.execute("DEALLOCATE statement")
            except psycopg.Error as error:
                wrong[name] = str(error).splitlines()[0]

    assert wrong == {}


def test_the_check_sees_a_statement_that_does_not_fit(databases: Databases) -> None:
    with psycopg.connect(databases["reporting"]) as connection, pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute(f"PREPARE statement AS {numbered('SELECT no_such FROM users WHERE user_id = %(id)s')}")


@pytest.mark.parametrize("service", cli.services())
def test_no_limit_can_be_asked_for_again_for_each_row(service: str) -> None:
    """A planner that takes a table for empty asks IN (SELECT … LIMIT …) once for each row: all go, and slowly."""
    assert [name for name, statement in statements(service).items() if LIMIT_ASKED_AGAIN.search(statement)] == []


def test_statements_are_found() -> None:
    found = statements("reporting")

    assert {"services.reporting.queries.BOOKING", "shared.outbox.INSERT", "shared.inbox.ACCEPT"} <= found.keys()
    assert "services.reporting.queries.AUDIT_COLUMNS" not in found
