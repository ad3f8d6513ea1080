"""HTTP edge of the auth service: parse, call, answer."""

from services.auth.routes import accounts, admin, audit, avatars, internal, passwords, sessions, users

routers = (
    accounts.router,  # with /auth/me: each route before the one that is asked for costs some 3 microseconds
    sessions.router,
    passwords.router,
    users.router,
    avatars.router,
    admin.router,
    audit.router,
    internal.router,
    internal.comparison,
)
