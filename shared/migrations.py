"""Alembic for every service: one environment, one `versions` folder each, run as a step before start."""

from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared import logs

SERVICES = Path(__file__).parent.parent / "services"
LOCK_TIMEOUT = "5s"  # a migration that cannot get its lock fails rather than queue every request behind it

log = logs.get(__name__)


def upgrade(service: str, url: str) -> None:
    """Bring the database at `url` to the newest revision of `service`; cheap when it is there already. One that a later version
    has migrated is left as it is: this version runs on it too, and who goes back to it must not be kept from starting."""
    config = _config(service, url)
    script, revision = ScriptDirectory.from_config(config), _revision(url)
    if revision and revision not in {known.revision for known in script.walk_revisions()}:
        log.warning("schema_is_newer", revision=revision, newest_known=script.get_current_head())
    elif revision != script.get_current_head():
        command.upgrade(config, "head")


def revise(service: str, url: str, message: str) -> None:
    """Write a new revision from the difference between the tables and the database at `url`."""
    config = _config(service, url)
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")


def differences(url: str, metadata: sa.MetaData) -> list[Any]:
    """What the declared tables and the migrated database disagree on: nothing, in a healthy tree."""
    with engine(url).connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def build_index(name: str, table: str, columns: list[Any], **options: Any) -> None:
    """In a revision: make an index, anew if there is one of this name, while everybody goes on writing. What a failure leaves
    half done is made good by running it again, so a revision that builds indexes does nothing else."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits until all present transactions have ended, and nobody waits for it
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def engine(url: str) -> sa.Engine:
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)


def _config(service: str, url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(SERVICES / service / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.attributes |= {"service": service, "url": url}
    return config


def _revision(url: str) -> str | None:
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return row[0] if row else None
