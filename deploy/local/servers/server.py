"""What the three backing servers have in common: a record that survives restarts, and a program made from it."""

import importlib.util
import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.program import Program
from deploy.local.settings import Settings


@dataclass
class Record:
    """What a server must find again at its next start, so that clients reconnect to the same place."""

    port: int = 0
    password: str = ""


@dataclass(frozen=True)
class Place:
    """Where an instance lives, and whether its data must survive a power cut."""

    name: str
    directory: Path
    settings: Settings
    durable: bool


class Server(ABC):
    """One backing server of an instance."""

    name: ClassVar[str]
    variable: ClassVar[str]  # the environment variable that names an external one
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, place: Place) -> None:
        self.place = place
        self.directory = place.directory / self.name

    @abstractmethod
    def program(self, record: Record) -> Program:
        """Prepare directories and configuration, and say how to start it."""

    @abstractmethod
    def answers(self, port: int) -> bool:
        """Whether it answers in its own protocol."""

    @abstractmethod
    def url(self, record: Record) -> str:
        """Where clients find it."""


def folder_in_package(module: str, folder: str) -> Path | None:
    """A folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if not spec or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / folder
    return path if path.is_dir() else None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(0o600)
    draft.write_text(text)
    draft.replace(path)
