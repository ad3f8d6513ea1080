"""A bench says what it measured, and that it could not; what it started ends with it."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.local.processes import SERVICES
from deploy.local.settings import ROOT
from tests.load import bench_journey, bench_journey_data
from tests.load.bench_journey import Run
from tests.load.servers import servers
from tests.servers import Databases

ELSEWHERE = {
    "DATABASE_SERVER_URL": "postgresql://db.example",
    "AMQP_URL": "amqp://mq.example/v",
    "REDIS_URL": "redis://r.example",
}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of somebody else's are named in the environment."""
    for name, value in (ELSEWHERE | {"EDUSTREAM_DATA": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)


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


@pytest.mark.usefixtures("elsewhere")
def test_servers_that_the_environment_names_are_used_as_they_are() -> None:
    with servers() as urls:
        assert set(vars(urls).values()) == set(ELSEWHERE.values())


def fail() -> None:
    raise ZeroDivisionError


def be_stopped() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("end", "error"), [(fail, ZeroDivisionError), (be_stopped, SystemExit)])
def test_a_server_that_a_bench_started_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[], None], error: type[BaseException]
) -> None:
    monkeypatch.delenv("REDIS_URL")
    before = signal.getsignal(signal.SIGTERM)
    used: list[str] = []

    def bench() -> None:
        with servers() as urls, redis.Redis.from_url(urls.redis) as client:
            assert client.ping()
            used.append(urls.redis)
            end()

    with pytest.raises(error):
        bench()

    with redis.Redis.from_url(used[0]) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    assert signal.getsignal(signal.SIGTERM) is before


def test_no_bench_wants_servers_to_be_there() -> None:
    texts = {path.name: path.read_text() for path in (ROOT / "tests" / "load").glob("bench_*.py")}
    assert [name for name, text in texts.items() if "DATABASE_SERVER_URL" in text or "keep=" in text or ".up()" in text] == []
