"""HTTP edge of the auth service: parse, call, answer."""

from services.auth.routes import accounts, admin, audit, avatars, internal, passwords, sessions, users

routers = (
    sessions.router,
    accounts.router,
    passwords.router,
    users.router,
    avatars.router,
    admin.router,
    audit.router,
    internal.router,
    internal.comparison,
)
