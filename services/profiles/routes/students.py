"""Student profiles and favourite tutors."""

from fastapi import APIRouter, Response

from services.profiles.actions import accounts, students
from services.profiles.routes.dependencies import Auth, OwnStudent, Photos
from services.profiles.views.students import MessageView, StudentRequest, StudentView
from services.profiles.views.tutors import TutorCard
from shared.auth import Now, Student
from shared.db import Reading, Transaction
from shared.idempotency import OnceOnly
from shared.paging import Paging100
from shared.types import Id

router = APIRouter(tags=["Student Profiles"])


@router.get("/api/profile/student/me")
async def get_student_profile(student: OwnStudent) -> StudentView:
    """The own profile."""
    return StudentView.of(student)


@router.patch("/api/profile/student/me")
async def change_student_profile(body: StudentRequest, student: OwnStudent, auth: Auth, tx: Transaction, now: Now) -> StudentView:
    """What is not sent stays. The time zone is the account's and changes there."""
    if body.timezone is not None:
        await accounts.move_to_zone(tx, auth, student.user_id, body.timezone, now)
    return StudentView.of(await students.edit(tx, student, body.model_dump(exclude_unset=True, exclude={"timezone"})))


@router.post("/api/students/favorites/{tutor_id}", status_code=201)
async def add_favorite(tutor_id: Id, student: OwnStudent, actor: Student, tx: Transaction, once: OnceOnly) -> MessageView:
    """Remember a tutor."""

    async def add() -> MessageView:
        await students.add_favourite(tx, student.user_id, tutor_id)
        return MessageView(message="Tutor added to favorites")

    return await once(tx, actor, ("favorite", tutor_id), MessageView, add)


@router.delete("/api/students/favorites/{tutor_id}", status_code=204)
async def remove_favorite(tutor_id: Id, actor: Student, tx: Transaction) -> Response:
    await students.remove_favourite(tx, actor.user_id, tutor_id)
    return Response(status_code=204)


@router.get("/api/students/favorites")
async def list_favorites(actor: Student, tx: Reading, page: Paging100, photos: Photos) -> list[TutorCard]:
    """Favorite tutors who can be found at the moment, latest added first."""
    found = await students.favourites(tx, actor.user_id, page)
    return [TutorCard.of(profile, photos, for_student=True) for profile in found]
