"""Verify before rejecting: when a replica would refuse a request, its owner is asked once before the refusal counts."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from services.bookings.actions import people, replicas
from services.bookings.actions.replicas import AccountInactive, StudentUnknown, TutorDoubted
from shared.db import Database, Tx
from shared.events.auth import UserSnapshot
from shared.events.profiles import TutorSnapshot
from shared.neighbours import Neighbour, Unreachable

T = TypeVar("T")
Work = Callable[[Tx], Awaitable[T]]


class Owners:
    """Auth and profiles, as the owners of what bookings keeps replicas of."""

    def __init__(self, database: Database, auth: Neighbour, profiles: Neighbour) -> None:
        self._database = database
        self._auth = auth
        self._profiles = profiles

    async def transaction(self, work: Work[T]) -> T:
        """`work` in a transaction; done again, once for each doubt, where the owner knew better than the replica."""
        settled: set[str] = set()
        while True:
            try:
                async with self._database.transaction() as tx:
                    return await work(tx)
            except (StudentUnknown, AccountInactive, TutorDoubted) as doubt:
                if doubt.code in settled or not await self._settle(doubt):
                    raise
                settled.add(doubt.code)

    async def reading(self, work: Work[T]) -> T:
        """The same for `work` that only reads."""
        try:
            async with self._database.reading() as tx:
                return await work(tx)
        except TutorDoubted as doubt:
            if not await self._settle(doubt):
                raise
        async with self._database.reading() as tx:
            return await work(tx)

    async def _settle(self, doubt: StudentUnknown | AccountInactive | TutorDoubted) -> bool:
        """Whether to try again: the owner answered. Not whether its answer was newer than the replica, because the event itself
        may have arrived since the refusal."""
        if isinstance(doubt, StudentUnknown):
            await self._fetch_account(doubt.user_id)
            async with self._database.transaction() as tx:
                await replicas.assume_account(tx, doubt.user_id)
            return True
        if isinstance(doubt, AccountInactive):
            return await self._fetch_account(doubt.user_id)
        news = await self._fetch_tutor(doubt.tutor_id) if doubt.tutor_id else await self._fetch_tutor_of(doubt.user_id)
        if doubt.account_is_inactive and doubt.user_id:
            news |= await self._fetch_account(doubt.user_id)
        return news

    async def _fetch_tutor(self, tutor_id: int) -> bool:
        return await self._apply_tutor(f"/internal/tutors/{tutor_id}")

    async def _fetch_tutor_of(self, user_id: int | None) -> bool:
        return await self._apply_tutor(f"/internal/tutors/of-user/{user_id}")

    async def _apply_tutor(self, path: str) -> bool:
        try:
            tutor = await self._profiles.get(TutorSnapshot, path)
        except Unreachable:
            return False
        if tutor is None:
            return False
        async with self._database.transaction() as tx:
            await replicas.put_tutor(tx, tutor)
        return True

    async def _fetch_account(self, user_id: int) -> bool:
        try:
            account = await self._auth.get(UserSnapshot, f"/internal/users/{user_id}")
        except Unreachable:
            return False
        if account is None:
            return False
        async with self._database.transaction() as tx:
            await people.know(tx, account, datetime.now(UTC))
        return True


async def _owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


Verified = Annotated[Owners, Depends(_owners)]
