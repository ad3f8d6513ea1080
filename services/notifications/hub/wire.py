"""The hub's own queue of live events: what happens anywhere reaches the sockets of this process."""

import json

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage
from pydantic import ValidationError

from services.notifications.hub.hub import Hub
from services.notifications.hub.presence import Presence
from shared import broker, logs
from shared.broker import Broker
from shared.events.base import Envelope
from shared.events.notifications import LiveMessagesLogged, PresenceChanged, TypingNoticed

PATIENCE = 1.0  # seconds: whoever types waits for it, and a broker that is full takes nothing
LENGTH = 100_000  # live events that may wait in the broker for a process that stands still

log = logs.get(__name__)


class Wire:
    """Connects a hub to the broker. The queue lives as long as the connection: what is missed meanwhile is in the log."""

    def __init__(self, hub: Hub, presence: Presence, broker_: Broker) -> None:
        self._hub = hub
        self._presence = presence
        self._broker = broker_
        self._private: AbstractExchange | None = None

    @property
    def is_connected(self) -> bool:
        return self._private is not None

    async def run(self) -> None:
        await self._broker.keep("hub", self._session)

    async def say(self, event: TypingNoticed) -> None:
        """Pass on what is worth nothing a second later: not stored, not confirmed, dropped while there is no connection."""
        if self._private is None:
            return
        message = aio_pika.Message(event.to_json(), message_id=str(event.event_id), expiration=5)
        try:
            await self._private.publish(message, event.type, mandatory=False, timeout=PATIENCE)
        except Exception as error:  # the connection just broke; the socket that said it must not break with it
            log.info("typing_dropped", error=repr(error))

    async def _session(self, connection: AbstractConnection) -> None:
        exchanges = await broker.declare(await connection.channel(publisher_confirms=False))
        channel = await broker.consumer_channel(connection)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments={"x-max-length": LENGTH})
        for kind in (LiveMessagesLogged, TypingNoticed):
            await queue.bind(broker.PRIVATE, kind.type)
        await queue.bind(broker.EVENTS, PresenceChanged.type)
        try:
            async with queue.iterator(no_ack=True) as messages:
                await self._hub.catch_up()
                self._private = exchanges[broker.PRIVATE]
                async for message in messages:
                    self._take(message)
        finally:
            self._private = None
        raise ConnectionError("the broker stopped delivering")

    def _take(self, message: AbstractIncomingMessage) -> None:
        try:
            envelope = Envelope.model_validate_json(message.body)
            if envelope.type == LiveMessagesLogged.type:
                self._hub.deliver(envelope.event(LiveMessagesLogged).entries)
            elif envelope.type == TypingNoticed.type:
                self._typing(envelope.event(TypingNoticed))
            elif envelope.type == PresenceChanged.type:
                self._presence.changed.add(envelope.event(PresenceChanged).user_id)
        except ValidationError as error:
            log.error("live_event_refused", type=message.routing_key, error=str(error.error_count()))

    def _typing(self, event: TypingNoticed) -> None:
        fields = {"type": "typing", "user_id": event.user_id, "is_typing": event.is_typing}
        self._hub.tell(event.other_user_id, json.dumps(fields))
