"""The events as an AsyncAPI 3.0 document, made from the event classes and from what each service subscribed to."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared import broker
from shared.events import catalogue
from shared.events.base import Event
from shared.inbox import Subscriptions

FILE: Final = Path(__file__).parent.parent / "docs" / "asyncapi.json"
SCHEMAS = "#/components/schemas/{model}"
DESCRIPTION = """\
Everything that happens in EduStream is said once, as a CloudEvent 1.0 in structured JSON, on a RabbitMQ topic exchange.
Its routing key is the event's type: `<service>.<thing>.<past participle>.v<n>`. Bind a queue of your own to `edustream.events`
with the types you want (`bookings.booking.*.v1`, `auth.#`), or read the last seven days from the stream `edustream.events.log`.

Deliveries may repeat (remember `id`) and may come out of order (of two states of one aggregate the higher `version` counts).
Published events never change but for optional fields: ignore fields that you do not know. `docs/events.md` shows how to begin."""
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent 1.0 (https://cloudevents.io) in structured JSON; `data` depends on `type`.",
    "required": ["specversion", "id", "type", "source", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid", "description": "The same in every delivery of this event."},
        "type": {"type": "string"},
        "source": {"type": "string", "description": "`/edustream/<service>`"},
        "time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "datacontenttype": {"const": "application/json"},
        "requestid": {"type": "string", "description": "The HTTP request that caused it, if one did."},
        "traceparent": {"type": "string", "description": "Its W3C trace context."},
        "data": {"type": "object"},
    },
}


def document(subscriptions: Iterable[Subscriptions]) -> dict[str, Any]:
    """The whole document; the same input makes the same bytes."""
    events = catalogue.load()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "EduStream events",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"rabbitmq": {"host": "localhost:5672", "protocol": "amqp", "description": "AMQP_URL says where it is."}},
        "channels": {_name(kind): _channel(kind) for kind in events.values()},
        "operations": {
            **{f"{_publisher(kind)}_says_{_name(kind)}": _operation("send", kind) for kind in events.values()},
            **{
                f"{heard.service}_hears_{_name(kind)}": _operation("receive", kind, heard.service)
                for heard in sorted(subscriptions, key=lambda s: s.service)
                for kind in sorted(heard.kinds.values(), key=_name)
            },
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in events.values()},
            "schemas": {"CloudEvent": ENVELOPE, **_schemas(events.values())},
        },
    }


def render(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _name(kind: type[Event]) -> str:
    return kind.type.replace(".", "_")


def _publisher(kind: type[Event]) -> str:
    return kind.type.split(".", 1)[0]


def _channel(kind: type[Event]) -> dict[str, Any]:
    exchange = {"name": broker.PRIVATE if kind.private else broker.EVENTS, "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": kind.type,
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange | {"vhost": "/"}, "bindingVersion": "0.3.0"}},
    }


def _operation(action: str, kind: type[Event], service: str | None = None) -> dict[str, Any]:
    channel = f"#/channels/{_name(kind)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{kind.__name__}"}],
        "tags": [{"name": service or _publisher(kind)}],
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    said = (kind.__doc__ or "").strip()
    whole_state = {"properties": {"type": {"const": kind.type}, "data": {"$ref": SCHEMAS.format(model=kind.__name__)}}}
    message = {
        "name": kind.type,
        "title": kind.__name__,
        "contentType": "application/cloudevents+json",
        "tags": [{"name": _publisher(kind)}] + ([{"name": "private"}] if kind.private else []),
        "payload": {"allOf": [{"$ref": SCHEMAS.format(model="CloudEvent")}, whole_state]},
    }
    return message | ({"description": said} if said else {})


def _schemas(kinds: Iterable[type[Event]]) -> dict[str, Any]:
    _, found = models_json_schema([(kind, "serialization") for kind in kinds], ref_template=SCHEMAS)
    schemas: dict[str, Any] = found.get("$defs", {})
    return dict(sorted(schemas.items()))
