"""Stops asking a service that cannot be connected to, so that its clients are told so in no time."""

from shared import logs

FAILURES = 2  # in a row
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0  # seconds; it doubles while the service stays away
RECENT = 10.0  # seconds after which a failure says nothing of now: nobody has asked since
log = logs.get(__name__)


class Breaker:
    """Closed while connecting works. After failures it opens for a pause, then lets one attempt try."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._open_until = self._failed_at = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        return self._failures >= FAILURES

    def allows(self, now: float) -> bool:
        """Whether to try to connect; when open, only the first who asks after each pause may."""
        if not self.open:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self._pause
        self._probing = True
        return True

    def failed(self, now: float) -> None:
        """Attempts that began before it opened may fail after: they say nothing new."""
        self._failures += 1
        self._failed_at = now
        if self._failures == FAILURES:
            log.warning("service_unreachable", service_name=self._service)
            self._open_until = now + self._pause
        elif self.open and self._probing:
            self._probing = False
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            self._open_until = now + self._pause

    def succeeded(self) -> None:
        if self.open:
            log.info("service_reachable", service_name=self._service)
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._probing = False

    def away(self, now: float) -> bool:
        """Whether it is open because somebody has just tried, not only because nobody has tried since."""
        return self.open and now - self._failed_at < RECENT
