"""Subjects: everybody reads them, administrators keep them."""

from fastapi import APIRouter, Response

from services.profiles.actions import subjects
from services.profiles.queries.subjects import ALL, Subject
from services.profiles.views.subjects import SubjectChange, SubjectRequest, SubjectView
from shared.auth import Admin
from shared.db import Reading, Transaction
from shared.idempotency import OnceOnly
from shared.types import Id

router = APIRouter(prefix="/api/subjects", tags=["Subjects"])


@router.get("")
async def list_subjects(tx: Reading) -> list[SubjectView]:
    """All subjects, by name."""
    return [SubjectView.of(s) for s in await tx.all(Subject, ALL)]


@router.post("", status_code=201)
async def create_subject(body: SubjectRequest, actor: Admin, tx: Transaction, once: OnceOnly) -> SubjectView:
    async def create() -> SubjectView:
        return SubjectView.of(await subjects.create(tx, actor, body.name, body.category, body.description))

    return await once(tx, actor, body, SubjectView, create)


@router.put("/{subject_id}")
async def update_subject(subject_id: Id, body: SubjectChange, actor: Admin, tx: Transaction) -> SubjectView:
    """What is not sent stays."""
    return SubjectView.of(await subjects.update(tx, actor, subject_id, body.model_dump(exclude_unset=True)))


@router.delete("/{subject_id}", status_code=204)
async def delete_subject(subject_id: Id, actor: Admin, tx: Transaction) -> Response:
    """Only a subject that nobody teaches can be deleted."""
    await subjects.delete(tx, actor, subject_id)
    return Response(status_code=204)
