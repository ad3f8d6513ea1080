"""What the migrations make is what the tables declare, and running them again, or as a stranger, does nothing."""

import importlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import psycopg
import pytest
import structlog

from deploy.local.databases import DatabaseUrls
from shared import cli, migrations

Blank = Callable[[str], DatabaseUrls]


def test_of_two_migrations_at_once_the_second_waits(blank_database: Blank, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the first takes: longer, here, than a lock of a table would be waited for."""
    urls = blank_database("messaging")
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    with psycopg.connect(urls.owner, autocommit=True) as first, ThreadPoolExecutor() as threads:
        first.execute("SELECT pg_advisory_lock(hashtext('migrations'))")
        second = threads.submit(migrations.upgrade, "messaging", urls.owner)
        with pytest.raises(TimeoutError):
            second.result(0.5)
        first.execute("SELECT pg_advisory_unlock(hashtext('migrations'))")
        second.result(60)

    assert migrations.differences(urls.owner, importlib.import_module("services.messaging.tables").metadata) == []


def test_indexes_are_built_while_other_migrations_wait(blank_database: Blank) -> None:
    urls = blank_database("bookings")

    with ProcessPoolExecutor(3, get_context("spawn")) as processes:
        jobs = [processes.submit(migrations.upgrade, "bookings", urls.owner) for _ in range(3)]
        for job in jobs:
            job.result(60)

    assert migrations.differences(urls.owner, importlib.import_module("services.bookings.tables").metadata) == []


@pytest.mark.parametrize("service", cli.services())
def test_migrations_make_the_declared_tables(service: str, blank_database: Blank) -> None:
    urls = blank_database(service)

    migrations.upgrade(service, urls.owner)
    migrations.upgrade(service, urls.owner)

    assert migrations.differences(urls.owner, importlib.import_module(f"services.{service}.tables").metadata) == []
    with psycopg.connect(urls.runtime) as runtime, pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute("ALTER TABLE outbox ADD COLUMN mine int")


def test_the_version_before_starts_on_what_a_later_one_migrated(blank_database: Blank) -> None:
    urls = blank_database("auth")
    migrations.upgrade("auth", urls.owner)
    with psycopg.connect(urls.owner) as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
        later.execute("ALTER TABLE accounts ADD COLUMN of_the_later_version int")

    with structlog.testing.capture_logs() as said:
        migrations.upgrade("auth", urls.owner)

    assert [(line["event"], line["log_level"], line["revision"]) for line in said] == [("schema_is_newer", "warning", "9999")]
    with psycopg.connect(urls.owner) as later:
        assert later.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
