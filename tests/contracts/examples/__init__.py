"""The examples of the API reference as data, one file per chapter; `refusals` beside them are of the same form."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
REFUSALS = FOLDER.parent / "refusals"
ENDPOINTS = (FOLDER.parent / "reference_endpoints.txt").read_text().splitlines()
PLACE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)\}")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One request and what it is answered. `{place.holders}` are filled from what the situations in `given` have made.

    `file` is sent as a form, beside the fields of `form`. `eventually`: the answer follows from an event, so it may have to be
    asked for again. `file_answer` is the file that is answered. `code` is that of a refusal."""

    endpoint: str
    by: str
    status: int
    note: str = ""
    given: tuple[str, ...] = ()
    path: str = ""
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    form: dict[str, Any] | None = None
    file: str = ""
    file_answer: str = ""
    answer: Any = None
    code: str = ""
    eventually: bool = False

    @property
    def method(self) -> str:
        return self.endpoint.split()[0]

    @property
    def target(self) -> str:
        """The path to ask, with its places still to be filled."""
        return self.path or self.endpoint.split()[1]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.endpoint, self.note or self.code]))


def load(folder: Path = FOLDER) -> list[Example]:
    """Everything in the files of a folder."""
    return [
        Example(**entry | {"given": tuple(entry.get("given", ()))})
        for file in sorted(folder.glob("*.json"))
        for entry in json.loads(file.read_text())
    ]


def filled(value: Any, known: dict[str, Any]) -> Any:
    """`value` with every place filled: a text that is one place becomes what is known, of whatever type."""
    if isinstance(value, dict):
        return {key: filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    if not isinstance(value, str):
        return value
    if whole := PLACE.fullmatch(value):
        return _look_up(whole[1], known)
    return PLACE.sub(lambda match: str(_look_up(match[1], known)), value)


def placed(endpoint: str, value: object) -> tuple[str, str]:
    """Method and path of an endpoint, each of its parameters being `value`."""
    method, path = endpoint.split()
    return method, PLACE.sub(str(value), path)


def _look_up(name: str, known: dict[str, Any]) -> Any:
    first, *rest = name.split(".")
    found = known[first]
    for part in rest:
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found
