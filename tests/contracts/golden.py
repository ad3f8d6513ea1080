"""Golden samples of events: `python -m tests.contracts.golden` writes those that are missing and touches no other.

A sample is what a publisher of its day really sent. It stays for as long as anybody may have such an event: in a queue, in the
stream, in an archive. An event that gained fields gets a second sample by hand (`<type>.2.json`); the first is not edited."""

import json
import sys
import types
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel

from shared.events import catalogue
from shared.events.base import Event

SAMPLES = Path(__file__).parent / "samples"
MOMENT = datetime(2026, 11, 23, 10, 30, 0, 123456, UTC)
PLAIN: dict[Any, Any] = {
    int: 7,
    bool: True,
    Decimal: Decimal("45.50"),
    datetime: MOMENT,
    date: MOMENT.date(),
    time: time(9, 30),
    UUID: uuid5(NAMESPACE_URL, "edustream"),
    Any: "anything",
}


def example(kind: type[Event]) -> Event:
    """An event of this class with every field said, optional ones too; the same each time."""
    event_id = uuid5(NAMESPACE_URL, kind.type)
    fields = {name: _value(name, field.annotation) for name, field in kind.model_fields.items()}
    return kind.model_validate(fields | {"event_id": event_id, "occurred_at": MOMENT})


def write_missing() -> list[str]:
    """Write samples of the event types that have none; their names."""
    SAMPLES.mkdir(exist_ok=True)
    written = []
    for name, kind in catalogue.load().items():
        path = SAMPLES / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(json.loads(example(kind).to_json()), indent=2, ensure_ascii=False) + "\n")
            written.append(name)
    return written


def _value(name: str, annotation: Any) -> Any:  # noqa: PLR0911  a table of cases
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if annotation is str:
        return name
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _value(name, next(choice for choice in inner if choice is not type(None)))
    if origin in (list, tuple):
        return [_value(name, inner[0])]
    if origin is dict:
        return {"key": _value(name, inner[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {field: _value(field, info.annotation) for field, info in annotation.model_fields.items()}
    raise TypeError(f"{name}: say in tests/contracts/golden.py what an example of {annotation} is")


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in write_missing())
