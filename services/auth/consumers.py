"""What the auth service hears: its own revocations, to put them where starting processes look."""

from shared.inbox import Subscriptions

subscriptions = Subscriptions("auth")
