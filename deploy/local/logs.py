"""What processes say: all of it into files of bounded size, the part a person must see onto the terminal."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LIMIT = 5_000_000  # bytes; one older file of the same size is kept
SERIOUS = {"warning": 33, "error": 31, "critical": 31}  # and their colours
NOT_WORTH_A_LINE = {"event", "level", "timestamp", "logger", "service", "exception"}

Tell = Callable[[str, str], None]


class LogFile:
    """An append-only file that starts anew when it is full."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._limit = path, limit
        self._file = path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        """Add one line; lose it where the disk is full, say: whoever is read from here must not be left alone for that."""
        with suppress(OSError, ValueError):
            if self._file.tell() + len(line) > self._limit:
                self._file.close()
                self._path.replace(self._path.with_suffix(".old.log"))
                self._file = self._path.open("ab", buffering=0)
            self._file.write(line + b"\n")

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Terminal:
    """One line per fact, with the process's name before it; colours only for people."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def tell(self, name: str, message: str, colour: int = 36) -> None:
        """Print one line, if somebody is there to read it: a terminal that was closed ends everything in order all the same."""
        mark = f"\033[{colour}m{name:{self._width}}\033[0m" if self._colours else f"{name:{self._width}}"
        with suppress(OSError):
            print(f"{mark} | {message}", flush=True)

    def relay(self, name: str, line: str) -> None:
        """Print what a process said if it is a warning or worse, or no log line at all (a traceback, say)."""
        try:
            entry = json.loads(line)
            level = str(entry.get("level", "info")).lower()
        except (ValueError, AttributeError):
            self.tell(name, line, 31)
            return
        if level in SERIOUS:
            details = " ".join(f"{key}={value}" for key, value in entry.items() if key not in NOT_WORTH_A_LINE)
            self.tell(name, f"{level}: {entry.get('event', '')} {details}".rstrip(), SERIOUS[level])
