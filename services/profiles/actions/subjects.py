"""Subjects: administrators keep the list."""

from typing import Any

import psycopg

from services.profiles.queries import subjects
from services.profiles.queries.subjects import Subject
from shared.auth import Principal
from shared.db import Tx, violated
from shared.errors import Conflict, NotFound
from shared.events.profiles import ProfilesAudited, SubjectChanged
from shared.outbox import publish


class SubjectExists(Conflict):
    detail = "There is a subject of this name."


class SubjectInUse(Conflict):
    detail = "Tutors teach this subject: it cannot be deleted."


class SubjectNotFound(NotFound):
    detail = "There is no such subject."


async def create(tx: Tx, actor: Principal | None, name: str, category: str | None, description: str | None) -> Subject:
    """Raises `SubjectExists`, also under race."""
    subject = await _write(tx, subjects.CREATE, name=name, category=category, description=description)
    audit = ProfilesAudited.of("subject_created", actor, "subject", subject.id, name=subject.name, after=_fields(subject))
    await publish(tx, changed(subject), audit)
    return subject


async def update(tx: Tx, actor: Principal, subject_id: int, changes: dict[str, Any]) -> Subject:
    """Raises `SubjectNotFound`, `SubjectExists`. Tutors who teach it are said and indexed anew by a job."""
    before = await _find(tx, subject_id)
    values = {"name": before.name, "category": before.category, "description": before.description} | changes
    subject = await _write(tx, subjects.UPDATE, id=subject_id, **values)
    if subject.name != before.name:
        await tx.run(subjects.MARK_TUTORS, id=subject_id)
    audit = ProfilesAudited.of("subject_changed", actor, "subject", subject_id, before=_fields(before), after=_fields(subject))
    await publish(tx, changed(subject), audit)
    return subject


async def delete(tx: Tx, actor: Principal, subject_id: int) -> None:
    """Raises `SubjectNotFound`, `SubjectInUse`, whoever chooses it meanwhile."""
    subject = await _find(tx, subject_id)
    try:
        await tx.run(subjects.DELETE, id=subject_id)
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.RestrictViolation) as error:  # the latter from PostgreSQL 18 on
        raise SubjectInUse from error
    gone = changed(subject).model_copy(update={"deleted": True, "version": subject.version + 1})
    audit = ProfilesAudited.of("subject_deleted", actor, "subject", subject_id, name=subject.name, before=_fields(subject))
    await publish(tx, gone, audit)


def changed(subject: Subject) -> SubjectChanged:
    return SubjectChanged(subject_id=subject.id, version=subject.version, name=subject.name, category=subject.category)


async def _find(tx: Tx, subject_id: int) -> Subject:
    subject = await tx.maybe(Subject, subjects.BY_ID, id=subject_id)
    if subject is None:
        raise SubjectNotFound
    return subject


async def _write(tx: Tx, statement: Any, **values: Any) -> Subject:
    try:
        return await tx.one(Subject, statement, **values)
    except psycopg.errors.UniqueViolation as error:
        if violated(error) == "subject_name_is_unique":
            raise SubjectExists from error
        raise


def _fields(subject: Subject) -> dict[str, str | None]:
    return {"name": subject.name, "category": subject.category, "description": subject.description}
