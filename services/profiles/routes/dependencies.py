"""What routes of this service ask for, besides what every service has."""

from typing import Annotated

from fastapi import Depends, Request

from services.profiles.actions import accounts
from services.profiles.queries import students
from services.profiles.settings import ProfilesSettings
from shared.auth import MaybeActor, Now, Principal, Student, Tutor
from shared.db import Database, Transaction
from shared.neighbours import Neighbour
from shared.storage import Storage
from shared.threads import Threads
from shared.tokens import Role


def photos_url(request: Request) -> str:
    settings: ProfilesSettings = request.app.state.settings
    return settings.photos_url


async def _photos(request: Request) -> str:
    return photos_url(request)


async def _auth(request: Request) -> Neighbour:
    auth: Neighbour = request.app.state.auth
    return auth


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def _database(request: Request) -> Database:
    return Database.of(request)


async def _drawing(request: Request) -> Threads:
    threads: Threads = request.app.state.drawing
    return threads


Photos = Annotated[str, Depends(_photos)]
"""The address that photos are served below."""
Auth = Annotated[Neighbour, Depends(_auth)]
Files = Annotated[Storage, Depends(_storage)]
Base = Annotated[Database, Depends(_database)]
"""For routes with work between two transactions."""
Drawing = Annotated[Threads, Depends(_drawing)]


async def _own_tutor(actor: Tutor, tx: Transaction, auth: Auth, now: Now) -> int:
    return await accounts.own_tutor_id(tx, auth, actor, now)


async def _own_student(actor: Student, tx: Transaction, auth: Auth, now: Now) -> students.Student:
    return await accounts.own_student(tx, auth, actor, now)


OwnTutor = Annotated[int, Depends(_own_tutor)]
"""The profile id of the tutor who asks."""
OwnStudent = Annotated[students.Student, Depends(_own_student)]
"""The profile of the student who asks."""


def viewer_of(actor: Principal | None) -> int | None:
    return actor.user_id if actor is not None and actor.role is Role.STUDENT else None


async def _viewer(actor: MaybeActor) -> int | None:
    return viewer_of(actor)


Viewer = Annotated[int | None, Depends(_viewer)]
"""The student who asks, if one does: cards then say whether the tutor is a favorite."""
