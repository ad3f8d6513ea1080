"""`/admin`, the administrators' page, and `/asyncapi`, the reader of events: static files that ask the API for what they show."""

from pathlib import Path

from gateway.page import Page, among, tag_of, tagged
from shared.errors import NotFound

FOLDER = Path(__file__).parent / "admin"
PAGES = {"/admin": "index.html", "/asyncapi": "events.html"}
ROUTES = (*PAGES, "/admin/*")
TYPES = {".html": b"text/html; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
POLICY = (
    b"content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'\r\n"
)


class Console:
    """Read once, at start."""

    def __init__(self) -> None:
        files = {file.name: file.read_bytes() for file in FOLDER.iterdir() if file.suffix in TYPES}
        self._files = {name: (body, tag_of(body)) for name, body in files.items()}

    def owns(self, path: str) -> bool:
        return among(path, ROUTES)

    def serve(self, path: str, known_tag: bytes) -> Page:
        """Raises `NotFound`."""
        name = PAGES.get(path) or path.removeprefix("/admin/")
        if name not in self._files:
            raise NotFound
        body, tag = self._files[name]
        page = tagged(body, tag, known_tag, b"no-cache", TYPES[Path(name).suffix])
        return page._replace(headers=page.headers + POLICY)
