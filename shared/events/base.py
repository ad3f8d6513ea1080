"""What all events share: CloudEvents 1.0, structured JSON (https://cloudevents.io)."""

import builtins
import json
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from shared import broker, context

E = TypeVar("E", bound="Event")
REGISTRY: dict[str, type["Event"]] = {}


class Data(BaseModel):
    """A value inside an event. Unknown fields are ignored: a newer publisher may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Data):
    """Something that happened. Subclasses set `type`, `<service>.<thing>.<past participle>.v<n>`, which is the routing key.

    `private` events (they carry secrets, texts of messages, or who did what from where) go to an exchange of their own, are not
    logged in the stream, and are for EduStream's services only. `live_only` ones concern who listens at the moment, which may be
    nobody; any other stays in the outbox until there is a queue that takes it."""

    type: ClassVar[str]
    private: ClassVar[bool] = False
    live_only: ClassVar[bool] = False

    event_id: UUID = Field(default_factory=uuid4, exclude=True)
    occurred_at: datetime = Field(default_factory=lambda: datetime.now(UTC), exclude=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "type" in cls.__dict__:
            known = REGISTRY.setdefault(cls.type, cls)
            if known.__qualname__ != cls.__qualname__:
                raise TypeError(f"{cls.type} is both {known.__qualname__} and {cls.__qualname__}")

    @property
    def exchange(self) -> str:
        return broker.PRIVATE if self.private else broker.EVENTS

    @property
    def source(self) -> str:
        return f"/edustream/{self.type.split('.', 1)[0]}"

    def to_json(self) -> bytes:
        """The whole CloudEvent, with what is known of the request that caused it."""
        envelope = {
            "specversion": "1.0",
            "id": str(self.event_id),
            "type": self.type,
            "source": self.source,
            "time": self.occurred_at.isoformat(),
            "datacontenttype": "application/json",
            "requestid": context.request_id.get(),
            "traceparent": context.traceparent.get(),
            "data": self.model_dump(mode="json"),
        }
        return json.dumps({k: v for k, v in envelope.items() if v is not None}, separators=(",", ":")).encode()


class Envelope(BaseModel):
    """A CloudEvent as received; `data` is still to be read by the class of its `type`."""

    specversion: Literal["1.0"]
    id: UUID
    type: str
    time: datetime
    requestid: str | None = None
    traceparent: str | None = None
    data: dict[str, Any]

    def event(self, kind: builtins.type[E]) -> E:
        return kind.model_validate(self.data | {"event_id": self.id, "occurred_at": self.time})


class AuditRecorded(Event):
    """A privileged or security-relevant act, for the audit log. Each service that has any subclasses it with its own `type`.
    Private: it tells of people's addresses and browsers, of names before and after, of reasons, and of whom somebody blocked."""

    private: ClassVar[bool] = True

    action: str
    actor_id: int | None
    target_type: str | None = None
    target_id: int | None = None
    details: dict[str, Any] = {}
    ip_address: str | None = None
    user_agent: str | None = None

    @classmethod
    def of(cls, action: str, actor: Any, target_type: str, target_id: int | None, /, **details: Any) -> Self:
        """`actor` is a `shared.auth.Principal`, or None when nobody asked (time did)."""
        return cls(
            action=action,
            actor_id=actor.user_id if actor else None,
            target_type=target_type,
            target_id=target_id,
            details=details,
            ip_address=actor.origin.ip_address if actor else None,
            user_agent=actor.origin.user_agent if actor else None,
        )
