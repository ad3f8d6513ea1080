"""Auth owns accounts, credentials, sessions, avatars, preferences and currency.

Says: `auth.user.*`, `auth.session.revoked`, `auth.mail.requested` (private), `auth.audit.recorded` (private).
Hears: its own revocations."""
