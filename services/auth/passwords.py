"""Argon2id on a bounded pool of threads, so that hashing never blocks the event loop nor takes every core."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from services.auth.fields import composed
from shared.threads import Threads

WAITING = 500  # logins and registrations that may queue
# One of the sets of parameters that OWASP's Password Storage Cheat Sheet calls equally strong. With a parallelism of one, so many
# threads are so many cores; and 19 MiB are little enough for malloc to keep and use again, where 46 or 64 MiB are mapped, faulted
# in and given back for each password, which stalls the whole process.
HASHER = PasswordHash([Argon2Hasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)])


class Passwords:
    """Hashes and checks passwords. An unknown account is checked against a dummy, so that it takes as long as a known one."""

    def __init__(self, threads: int) -> None:
        self._threads = Threads("argon2", threads, WAITING)
        self._dummy = HASHER.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        return await self._threads.run(HASHER.hash, password)

    async def matches(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` belongs to `stored` (always False, as slowly, where there is none), and a new hash of it if the
        stored one was made with parameters that are not used any more, or before passwords were composed."""
        correct, renewed = await self._threads.run(HASHER.verify_and_update, composed(password), stored or self._dummy)
        if not correct and password != composed(password):
            correct = await self._threads.run(HASHER.verify, password, stored or self._dummy)
            renewed = await self.hash(composed(password)) if correct else None
        return correct and stored is not None, renewed

    def close(self) -> None:
        self._threads.close()
