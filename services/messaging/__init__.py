"""Messaging owns messages, threads, attachments and blocks.

Says: `messaging.message.{sent,delivered,edited,read}` (delivered and edited are private), `messaging.audit.recorded`.
Hears: accounts (`auth.user.*`) and bookings (`bookings.booking.*`), to keep names and parties at hand."""
