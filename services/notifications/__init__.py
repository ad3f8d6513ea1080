"""Notifications tells people what concerns them: in the app, by e-mail, and live over WebSockets.

Owns: notifications, outgoing mail, the log of socket messages, presence.
Says: `notifications.live.logged`, `notifications.typing.noticed` (both private), `notifications.presence.changed`.
Hears: accounts (`auth.user.*`, `auth.mail.requested`), bookings, reviews, packages, messages, blocks, and tutors' approval."""
