"""Published events never change but for optional fields: every event that was ever sent can still be read, and means the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.events import catalogue
from shared.events.base import Envelope
from tests.contracts.golden import SAMPLES, example

KINDS = catalogue.load()
FILES = sorted(SAMPLES.glob("*.json"))


def type_of(path: Path) -> str:
    """`a.b.c.v1.2.json` is the second sample of `a.b.c.v1`."""
    service, thing, past, version, *_ = path.name.split(".")
    return f"{service}.{thing}.{past}.{version}"


def keeps(new: Any, old: Any) -> bool:
    """Whether everything that `old` says is said by `new`, which may say more."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and keeps(new[key], value) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(keeps, new, old))
    return type(new) is type(old) and new == old


@pytest.mark.parametrize("name", KINDS)
def test_every_event_has_a_golden_sample(name: str) -> None:
    assert (SAMPLES / f"{name}.json").exists(), "run `python -m tests.contracts.golden` and commit the new file"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_published_event_was_taken_away(path: Path) -> None:
    assert type_of(path) in KINDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_old_event_still_means_what_it_said(path: Path) -> None:
    sent = json.loads(path.read_text())
    event = Envelope.model_validate(sent).event(KINDS[type_of(path)])

    said_again = json.loads(event.to_json())

    assert keeps(said_again["data"], sent["data"]), (said_again["data"], sent["data"])
    assert {key: said_again[key] for key in ("id", "type", "source", "specversion")} == {
        key: sent[key] for key in ("id", "type", "source", "specversion")
    }


@pytest.mark.parametrize("name", KINDS)
def test_an_event_survives_the_wire(name: str) -> None:
    event = example(KINDS[name])

    assert Envelope.model_validate_json(event.to_json()).event(KINDS[name]) == event


@pytest.mark.parametrize("name", KINDS)
def test_a_subscriber_ignores_what_a_newer_publisher_adds(name: str) -> None:
    newer = json.loads(example(KINDS[name]).to_json())
    newer["data"]["not_yet_known"] = {"nested": [1]}
    newer["partitionkey"] = "an extension attribute"

    assert Envelope.model_validate(newer).event(KINDS[name]) == example(KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_an_event_is_named_service_thing_past_participle_version(name: str) -> None:
    service, thing, past, version = name.split(".")

    assert all(part.isidentifier() for part in (service, thing, past))
    assert version[0] == "v"
    assert version[1:].isdigit()
    assert past.endswith("ed") or past in {"sent", "read", "begun", "made", "given", "taken"}
    assert KINDS[name].__module__ == f"shared.events.{service}"
