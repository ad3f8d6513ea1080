"""The launcher's view of the environment: real variables first, then the `.env` file of the checkout."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATEWAY_PORT = 8000
# What a process may know of the machine.
MACHINE = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
        (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^\n\#]*?))[ \t]*(?:\#[^\n]*)?$""",
    re.MULTILINE | re.VERBOSE,
)


@dataclass(frozen=True)
class Settings:
    """Everything the launcher was told; empty values count as not given."""

    environment: Mapping[str, str]
    root: Path = ROOT

    @classmethod
    def load(cls, *, dotenv: bool = True, root: Path = ROOT) -> "Settings":
        """Read the process's environment, over that of `.env` if asked (a test run must not touch what `.env` names)."""
        file = root / ".env"
        written = parse_dotenv(file.read_text()) if dotenv and file.exists() else {}
        return cls({name: value for name, value in {**written, **os.environ}.items() if value}, root)

    def get(self, name: str, default: str = "") -> str:
        """One variable."""
        return self.environment.get(name, default)

    @property
    def data(self) -> Path:
        """Where everything that `make clean` forgets is kept."""
        return (self.root / self.get("EDUSTREAM_DATA", ".data")).resolve()

    @property
    def caches(self) -> list[Path]:
        """Where downloads may be kept for other checkouts, best first; the data directory as the last resort."""
        if given := self.get("EDUSTREAM_CACHE"):
            return [Path(given).expanduser().resolve(), self.data / "cache"]
        shared = Path(self.get("XDG_CACHE_HOME") or Path(self.get("HOME", "/nonexistent")) / ".cache")
        return [shared / "edustream", self.data / "cache"]

    @property
    def host(self) -> str:
        """The address the gateway listens on."""
        return self.get("EDUSTREAM_HOST", "127.0.0.1")


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file: NAME=value, quotes optional, a quoted value may span lines (a PEM key does)."""
    found = {}
    for match in LINE.finditer(text):
        if match["double"] is not None:
            value = match["double"].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
        else:
            value = match["single"] if match["single"] is not None else match["plain"]
        found[match["name"]] = value
    return found
