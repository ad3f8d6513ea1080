"""Approval of tutors, for administrators."""

from fastapi import APIRouter

from services.profiles.actions import approval, tutors
from services.profiles.queries.tutors import APPROVED, PENDING, Profile
from services.profiles.routes.dependencies import Auth, Photos
from services.profiles.views.requests import RejectRequest
from services.profiles.views.tutors import DecisionView, OwnProfile
from shared.auth import Admin, Now
from shared.db import Reading, Transaction
from shared.paging import Paging100
from shared.types import Id

router = APIRouter(prefix="/api/admin/tutors", tags=["Admin Panel"])


@router.get("/pending")
async def list_pending(_actor: Admin, tx: Reading, page: Paging100, photos: Photos, now: Now) -> list[OwnProfile]:
    """Profiles that wait for a decision, longest waiting first."""
    found = await tx.all(Profile, PENDING, viewer=None, limit=page.limit, offset=page.offset)
    windows = await tutors.windows_of_all(tx, found, now)
    return [OwnProfile.of(p, photos, windows[p.id]) for p in found]


@router.get("/approved")
async def list_approved(_actor: Admin, tx: Reading, page: Paging100, photos: Photos, now: Now) -> list[OwnProfile]:
    """Approved tutors, latest decision first."""
    found = await tx.all(Profile, APPROVED, viewer=None, limit=page.limit, offset=page.offset)
    windows = await tutors.windows_of_all(tx, found, now)
    return [OwnProfile.of(p, photos, windows[p.id]) for p in found]


@router.post("/{tutor_id}/approve")
async def approve(tutor_id: Id, actor: Admin, tx: Transaction, auth: Auth, now: Now) -> DecisionView:
    """Let the tutor be found and booked."""
    profile = await approval.approve(tx, auth, tutor_id, actor, now)
    return DecisionView(message="Tutor approved successfully", tutor_id=tutor_id, status=profile.status)


@router.post("/{tutor_id}/reject")
async def reject(tutor_id: Id, body: RejectRequest, actor: Admin, tx: Transaction, auth: Auth, now: Now) -> DecisionView:
    """Send the profile back with a reason; an approval is taken back so, too."""
    profile = await approval.reject(tx, auth, tutor_id, actor, body.rejection_reason, now)
    return DecisionView(message="Tutor rejected", tutor_id=tutor_id, status=profile.status)
