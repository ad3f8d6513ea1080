"""What the migrations make is what the tables declare, and running them again, or as a stranger, does nothing."""

import importlib
from collections.abc import Callable

import psycopg
import pytest

from deploy.local.databases import DatabaseUrls
from shared import cli, migrations

Blank = Callable[[str], DatabaseUrls]


@pytest.mark.parametrize("service", cli.services())
def test_migrations_make_the_declared_tables(service: str, blank_database: Blank) -> None:
    urls = blank_database(service)

    migrations.upgrade(service, urls.owner)
    migrations.upgrade(service, urls.owner)

    assert migrations.differences(urls.owner, importlib.import_module(f"services.{service}.tables").metadata) == []
    with psycopg.connect(urls.runtime) as runtime, pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute("ALTER TABLE outbox ADD COLUMN mine int")
