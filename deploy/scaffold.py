"""`make service NAME=x`: writes a service that runs, and enters it where services are listed."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"^[a-z][a-z0-9]{2,30}$")

FILES = {
    "__init__.py": '''"""{Name} owns things.

Says: nothing yet. Hears: nothing yet."""
''',
    "__main__.py": '''"""`python -m services.{name} api|worker|migrate|all`."""

from services.{name}.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
''',
    "app.py": '''"""The {name} service, put together."""

from services.{name}.consumers import subscriptions
from services.{name}.routes import router
from shared.service import Service

service = Service(name="{name}", routers=(router,), subscriptions=subscriptions)
''',
    "consumers.py": '''"""What the {name} service hears."""

from shared.inbox import Subscriptions

subscriptions = Subscriptions("{name}")
''',
    "queries.py": '''"""SQL of the {name} service, and the rows it yields."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Thing:
    id: int
    owner_id: int
    name: str
    created_at: datetime


INSERT = "INSERT INTO things (owner_id, name) VALUES (%(owner_id)s, %(name)s) RETURNING id, owner_id, name, created_at"
OF_OWNER = """
SELECT id, owner_id, name, created_at FROM things WHERE owner_id = %(owner_id)s
ORDER BY id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
''',
    "routes.py": '''"""HTTP edge of the {name} service: parse, call, answer."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from services.{name} import queries
from services.{name}.queries import Thing
from shared.auth import Actor
from shared.db import Reading, Transaction
from shared.idempotency import OnceOnly
from shared.paging import Paging
from shared.types import Instant, Name

router = APIRouter(prefix="/api/{name}", tags=["{Name}"])


class ThingRequest(BaseModel):
    name: Name


class ThingView(BaseModel):
    id: int
    name: str
    created_at: Instant

    @classmethod
    def of(cls, thing: Thing) -> Self:
        return cls(id=thing.id, name=thing.name, created_at=thing.created_at)


@router.post("", status_code=201)
async def create_thing(body: ThingRequest, actor: Actor, tx: Transaction, once: OnceOnly) -> ThingView:
    """Create a thing of one's own."""

    async def create() -> ThingView:
        return ThingView.of(await tx.one(Thing, queries.INSERT, owner_id=actor.user_id, name=body.name))

    return await once(tx, actor, body, ThingView, create)


@router.get("")
async def list_things(actor: Actor, tx: Reading, page: Paging) -> list[ThingView]:
    """One's own things, newest first."""
    found = await tx.all(Thing, queries.OF_OWNER, owner_id=actor.user_id, limit=page.size, offset=page.offset)
    return [ThingView.of(thing) for thing in found]
''',
    "tables.py": '''"""The {name} service's database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared import tables

_registry = registry()
metadata = _registry.metadata
tables.add_to(metadata)


class _Table(SQLModel, registry=_registry):
    pass


class Things(_Table, table=True):
    __tablename__ = "things"
    __table_args__ = (sa.Index("things_of_owner", "owner_id", sa.text("id DESC")),)

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    owner_id: int = Field(sa_type=sa.BigInteger)
    name: str
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True), sa_column_kwargs={{"server_default": sa.func.now()}})
''',
}
TESTS = {
    "__init__.py": "",
    "conftest.py": '''"""The {name} service for its tests: one application per test session, an empty database per test."""

import pytest

from tests.harness import Harness
from tests.servers import Databases
from tests.services.conftest import Start


@pytest.fixture(scope="session")
async def running_service(start: Start) -> Harness:
    return await start("{name}")


@pytest.fixture
def service(running_service: Harness, clean_databases: Databases) -> Harness:
    return running_service
''',
    "test_things.py": '''"""Things, and whose they are."""

from tests.harness import Harness


async def test_a_thing_is_listed_to_its_owner_only(service: Harness) -> None:
    created = await service.person(1).post("/api/{name}", json={{"name": "first"}})

    assert created.status_code == 201
    assert (await service.person(1).get("/api/{name}")).json() == [created.json()]
    assert (await service.person(2).get("/api/{name}")).json() == []
''',
}
# file, what stands before the place, what is put there
LISTS = [
    ("deploy/local/processes.py", r'(SERVICES = \([^)]*")(\))', r'\1, "{name}"\2'),
    ("pyproject.toml", r'(modules = \["services\.auth"[^\]]*")(\])', r'\1, "services.{name}"\2'),
]


def main() -> int:
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    folder = ROOT / "services" / name
    if not NAME.match(name) or folder.exists():
        print("Give a new name of small letters: make service NAME=invoices", file=sys.stderr)
        return 1
    _write(folder, FILES, name)
    _write(ROOT / "tests" / "services" / name, TESTS, name)
    for path, place, text in LISTS:
        file = ROOT / path
        file.write_text(re.sub(place, text.format(name=name), file.read_text(), count=1))
    print(f"""Wrote services/{name} and tests/services/{name}. Next:
  make migration SERVICE={name} MESSAGE="first tables"
  add ("/api/{name}", "{name}", R, R) to TABLE, and "{name}" to SERVICES, in gateway/routes.py
  make run
  for operators: copy the blocks of a service in docker-compose.yml, its name in deploy/postgres, deploy/compose_env.py and
  deploy/observability/prometheus.yml, and add a row to deploy/k8s/table.py (then `make k8s`)""")
    return 0


def _write(folder: Path, files: dict[str, str], name: str) -> None:
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text.format(name=name, Name=name.capitalize()))


if __name__ == "__main__":
    sys.exit(main())
