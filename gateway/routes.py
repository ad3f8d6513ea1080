"""The route table: which service owns a path, who may come through, how often, and how much a request may carry."""

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

from gateway.paths import canonical

KIB, MIB = 1024, 1024 * 1024
BODY, UPLOAD = 1 * MIB, 12 * MIB
REMEMBERED = 4_096  # paths whose route need not be looked for again
LONGEST_REMEMBERED = 200  # bytes; none of ours is as long


class Access(Enum):
    """What a request needs. OPTIONAL: a token is checked when there is one. PUBLIC: a good one says whom to count, a stale one is
    no reason to refuse what everybody is shown. OPEN: a token is not looked at, because clients attach stale ones where they come
    to get a new one."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    PUBLIC = "public"
    OPEN = "open"


class Class(StrEnum):
    """The rate limit that counts a request; of UNLIMITED ones, reading is not counted."""

    DEFAULT = "default"
    LOGIN = "login"
    REGISTER = "register"
    UNLIMITED = "unlimited"


DEFAULT, UNLIMITED = Class.DEFAULT, Class.UNLIMITED  # looked up in its class, a member takes longer than what it is compared with
USERS = f"{DEFAULT}:user "


@dataclass(frozen=True, slots=True)
class Route:
    """`template` is the path in the table, for logs and metrics. `reading` is the access for GET, `access` that for the rest."""

    template: str
    service: str
    access: Access
    reading: Access
    rate: Class = DEFAULT
    body: int = BODY
    websocket: bool = False

    def counted_as(self, user: int | None, address: str) -> str:
        """Under which key a request is counted: signing in and registering by address, whoever it is."""
        if user is None or self.rate is not DEFAULT:
            return f"{self.rate}:{address}"
        return f"{USERS}{user}"

    def for_method(self, method: str) -> "Route":
        """Itself, unless it is UNLIMITED and the request does not read: tokens could be guessed there."""
        return self if method in ("GET", "HEAD") else replace(self, rate=DEFAULT)

    def needs(self, method: str) -> Access:
        return self.reading if method in ("GET", "HEAD", "OPTIONS") else self.access


@dataclass(slots=True)
class _Node:
    route: Route | None = None  # of this path and all below that have none of their own
    children: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None


R, O, P, F = Access.REQUIRED, Access.OPTIONAL, Access.PUBLIC, Access.OPEN  # noqa: E741  # the table is read by column

# path (`*` is one segment; everything below belongs to it), service, access, access of GET and HEAD
TABLE: list[tuple[str, str, Access, Access]] = [
    ("/auth", "auth", O, O),
    ("/auth/register", "auth", F, F),
    ("/auth/login", "auth", F, F),
    ("/auth/refresh", "auth", F, F),
    ("/auth/logout", "auth", F, F),
    ("/auth/forgot-password", "auth", F, F),
    ("/auth/reset-password", "auth", F, F),
    ("/auth/verify-email", "auth", F, F),
    ("/auth/resend-verification", "auth", O, O),
    ("/auth/logout-all", "auth", R, R),
    ("/auth/change-password", "auth", R, R),
    ("/auth/me", "auth", R, R),
    ("/.well-known/jwks.json", "auth", F, F),
    ("/api/users", "auth", R, R),
    ("/api/users/me/avatar", "auth", R, R),
    ("/api/avatars", "auth", R, F),
    ("/api/admin/users", "auth", R, R),
    ("/api/admin/users/*/avatar", "auth", R, R),
    ("/api/audit", "auth", R, R),
    ("/api/audit/logs", "reporting", R, R),
    ("/api/tutors", "profiles", R, O),
    ("/api/tutors/*", "profiles", R, R),
    ("/api/tutors/*/public", "profiles", R, O),
    ("/api/tutors/*/reviews", "bookings", R, O),
    ("/api/tutors/*/available-slots", "bookings", R, R),
    ("/api/tutors/me/photo", "profiles", R, R),
    ("/api/tutors/photos", "profiles", R, F),
    ("/api/profile/student", "profiles", R, R),
    ("/api/students/favorites", "profiles", R, R),
    ("/api/subjects", "profiles", R, P),
    ("/api/utils", "profiles", R, P),
    ("/api/admin/tutors", "profiles", R, R),
    ("/api/bookings", "bookings", R, R),
    ("/api/tutor/bookings", "bookings", R, R),
    ("/api/packages", "bookings", R, R),
    ("/api/reviews", "bookings", R, R),
    ("/api/reviews/tutors", "bookings", R, O),
    ("/api/messages", "messaging", R, R),
    ("/api/messages/with-attachment", "messaging", R, R),
    ("/api/notifications", "notifications", R, R),
    ("/ws/*", "notifications", O, O),
    ("/api/admin/dashboard", "reporting", R, R),
    ("/api/health/integrity", "reporting", R, R),
]
RATES = {
    "/auth/register": Class.REGISTER,
    "/auth/login": Class.LOGIN,
    "/api/avatars": Class.UNLIMITED,  # immutable, and one page of search results shows twenty of them
    "/api/tutors/photos": Class.UNLIMITED,
}
UPLOADS = frozenset(
    {"/api/users/me/avatar", "/api/admin/users/*/avatar", "/api/tutors/me/photo", "/api/messages/with-attachment"}
)
NOBODYS = Route("unmatched", "gateway", Access.OPEN, Access.OPEN)  # guessing addresses is counted like asking for them
SERVICES = ("auth", "profiles", "bookings", "messaging", "notifications", "reporting")


class Routes:
    """Finds a path's route: literal segments before `*`, the longest match wins."""

    def __init__(self) -> None:
        self._root = _Node()
        self._found: dict[bytes, tuple[str, Route | None]] = {}
        for path, service, access, reading in TABLE:
            body = UPLOAD if path in UPLOADS else BODY
            route = Route(path, service, access, reading, RATES.get(path, DEFAULT), body, path == "/ws/*")
            self._add(path, route)

    def lookup(self, raw: bytes) -> tuple[str, Route | None] | None:
        """A path as a client spelled it: its one spelling, and its route if it is anybody's. None when it is crooked."""
        found = self._found.get(raw)
        if found is None:
            path = canonical(raw)
            if path is None:
                return None
            found = path, self.find(path)
            if len(raw) > LONGEST_REMEMBERED:
                return found
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[raw] = found
        return found

    def find(self, path: str) -> Route | None:
        """The route of a canonical path."""
        found = None
        here = [self._root]
        for segment in path[1:].split("/"):
            here = [n for node in here for n in (node.children.get(segment), node.any) if n is not None]
            if not here:
                break
            found = next((node.route for node in here if node.route is not None), found)
        return found

    def _add(self, path: str, route: Route) -> None:
        node = self._root
        for segment in path[1:].split("/"):
            if segment == "*":
                node.any = node = node.any or _Node()
            else:
                node = node.children.setdefault(segment, _Node())
        node.route = route
