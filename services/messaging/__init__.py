"""Messaging owns messages, threads, attachments and blocks.

Says: `messaging.message.{sent,delivered,edited,read}` and `messaging.block.changed` (delivered, edited and blocks are private),
`messaging.audit.recorded` (private).
Hears: accounts (`auth.user.*`) and bookings (`bookings.booking.*`), to keep names and parties at hand."""
