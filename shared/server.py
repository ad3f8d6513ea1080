"""uvicorn's server, whose last words are written, and last spans sent, before it dies of the signal that stopped it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import socket

import uvicorn

from shared import tracing

STARTUP_FAILED = 3  # as uvicorn's own command line exits


class Server(uvicorn.Server):
    """Listens until SIGTERM, drains, and ends the process as that signal would have."""

    def run(self, sockets: list[socket] | None = None) -> None:
        with suppress(KeyboardInterrupt):
            super().run(sockets)
        if not self.started:
            sys.exit(STARTUP_FAILED)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """On leaving, uvicorn raises the signal again: nothing that waits for the process's end happens after it."""
        with super().capture_signals():
            try:
                yield
            finally:
                tracing.end()
                for handler in logging.getLogger().handlers:
                    handler.flush()
