"""Argon2id on a bounded pool of threads, so that hashing never blocks the event loop nor takes every core."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash


class Passwords:
    """Hashes and checks passwords. An unknown account is checked against a dummy, so that it takes as long as a known one."""

    def __init__(self, threads: int) -> None:
        self._hasher = PasswordHash.recommended()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._dummy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` belongs to `stored`; always False, as slowly, where there is none."""
        verify = self._hasher.verify
        correct = await asyncio.get_running_loop().run_in_executor(self._threads, verify, password, stored or self._dummy)
        return correct and stored is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
