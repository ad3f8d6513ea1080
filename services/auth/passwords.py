"""Argon2id on a bounded pool of threads, so that hashing never blocks the event loop nor takes every core."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from shared.threads import Threads

WAITING = 500  # logins and registrations that may queue
# The first parameters of OWASP's Password Storage Cheat Sheet. With a parallelism of one, so many threads are so many cores.
HASHER = PasswordHash([Argon2Hasher(memory_cost=46 * 1024, time_cost=1, parallelism=1)])


class Passwords:
    """Hashes and checks passwords. An unknown account is checked against a dummy, so that it takes as long as a known one."""

    def __init__(self, threads: int) -> None:
        self._threads = Threads("argon2", threads, WAITING)
        self._dummy = HASHER.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        return await self._threads.run(HASHER.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` belongs to `stored`; always False, as slowly, where there is none."""
        correct = await self._threads.run(HASHER.verify, password, stored or self._dummy)
        return correct and stored is not None

    def close(self) -> None:
        self._threads.close()
