"""A bench says what it measured, and that it could not."""

import sys

import psycopg
import pytest

from deploy.local.processes import SERVICES
from tests.load import bench_journey, bench_journey_data
from tests.load.bench_journey import Run
from tests.servers import Databases


def test_what_is_refused_does_not_count_as_done() -> None:
    run = Run.of(["book 201 1000", "book 400 10", "me 200 3000"], 0.5, {"auth": 0.003})

    assert run.rate == 4
    assert run.times == {"book": [1.0], "me": [3.0]}
    assert run.refused == {"book 400": 1}
    assert run.cpu == {"auth": pytest.approx(1.0)}
    assert run.fails


@pytest.mark.parametrize(("refused", "fails"), [(10, False), (11, True)])
def test_a_load_of_which_more_than_one_in_a_hundred_is_refused_fails(refused: int, fails: bool) -> None:
    assert Run.of(["me 200 1"] * (1000 - refused) + ["me 503 1"] * refused, 1.0, {}).fails == fails


def test_without_wrk_the_bench_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["bench"])

    with pytest.raises(SystemExit, match=r"needs wrk, .* install it"):
        bench_journey.main()


@pytest.mark.parametrize("service", SERVICES)
def test_the_rows_that_the_journey_begins_with_fit_their_tables(clean_databases: Databases, service: str) -> None:
    clean_databases[service]  # made when it is asked for

    with psycopg.connect(clean_databases.owners[service], autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        bench_journey_data.fill(connection, service, 1000)
