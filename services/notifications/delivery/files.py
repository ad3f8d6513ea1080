"""Mails as .eml files in a directory: what happens to them when no SMTP server is configured."""

import asyncio
import os
from pathlib import Path

from services.notifications.delivery.channel import HandOver, Letter
from services.notifications.delivery.wording import Wording


class MailDirectory:
    """A channel. Writing the same letter again writes the same file, so it needs no hand-over."""

    def __init__(self, directory: Path, wording: Wording) -> None:
        self._directory = directory
        self._wording = wording

    async def send(self, letter: Letter, _hand_over: HandOver) -> None:
        content = self._wording.mail(letter).as_bytes()
        await asyncio.to_thread(self._write, f"{letter.created_at:%Y%m%dT%H%M%S}-{letter.kind}-{letter.id}.eml", content)

    async def close(self) -> None:
        return

    def _write(self, name: str, content: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = self._directory / f".{name}.draft"
        draft.write_bytes(content)
        os.replace(draft, self._directory / name)
