"""docs/asyncapi.json is what the code makes, and complete."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from shared import asyncapi, cli
from shared.events import catalogue
from shared.service import find
from tests.contracts.golden import SAMPLES

SCHEMA = Path(__file__).parent / "asyncapi" / "3.0.0.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi.document([find(service).subscriptions for service in cli.services()])


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_the_committed_document_is_the_generated_one() -> None:
    assert cli.main(["asyncapi", "--check"]) == 0, "run `python -m shared.cli asyncapi` and commit docs/asyncapi.json"


def test_the_document_is_valid_by_the_schema_of_asyncapi(document: dict[str, Any]) -> None:
    schema = Draft7Validator(json.loads(SCHEMA.read_text()))

    assert [f"{list(error.absolute_path)}: {error.message[:200]}" for error in schema.iter_errors(document)] == []
    shouted = next(iter(document["operations"].values())) | {"action": "shout"}
    assert not schema.is_valid(document | {"operations": {"shouted": shouted}, "channels": {}, "components": {}})


def test_every_event_has_a_channel_a_sender_and_a_message(document: dict[str, Any]) -> None:
    kinds = catalogue.load()

    assert {channel["address"] for channel in document["channels"].values()} == set(kinds)
    assert {message["name"] for message in document["components"]["messages"].values()} == set(kinds)
    sent = [operation for operation in document["operations"].values() if operation["action"] == "send"]
    assert len(sent) == len(kinds)


def test_every_subscription_is_an_operation(document: dict[str, Any]) -> None:
    for service in cli.services():
        heard = {name for name in document["operations"] if name.startswith(f"{service}_hears_")}
        assert heard == {f"{service}_hears_{kind.replace('.', '_')}" for kind in find(service).subscriptions.kinds}


def test_private_events_are_on_an_exchange_of_their_own(document: dict[str, Any]) -> None:
    for channel in document["channels"].values():
        private = catalogue.load()[channel["address"]].private
        assert channel["bindings"]["amqp"]["exchange"]["name"] == ("edustream.private" if private else "edustream.events")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))

    assert len(found) > 100
    for reference in found:
        resolve(document, reference)


@pytest.mark.parametrize("name", catalogue.load())
def test_a_golden_sample_is_valid_by_the_documented_schema(document: dict[str, Any], name: str) -> None:
    message = document["components"]["messages"][catalogue.load()[name].__name__]
    schema = message["payload"] | {"components": document["components"]}
    sample = json.loads((SAMPLES / f"{name}.json").read_text())

    Draft7Validator(schema).validate(sample)
    sample["data"].clear()
    assert not Draft7Validator(schema).is_valid(sample)
