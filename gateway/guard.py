"""Who may come through, and how often: the token, checked once, and the rate limit of whom it names."""

from gateway import metrics
from gateway.limits import Limiter
from gateway.limits.rate import Rate, Verdict
from gateway.routes import Access, Class, Route
from gateway.server.request import Request
from shared.errors import TooMany, Unauthorized
from shared.tokens import Claims, InvalidToken, TokenVerifier

OPEN, REQUIRED = Access.OPEN, Access.REQUIRED


class Guard:
    """A request with a bad token, or without a needed one, is counted as its address's: guessing tokens is limited, too."""

    def __init__(self, verifier: TokenVerifier, limiter: Limiter, rates: dict[Class, Rate | None]) -> None:
        self.verifier, self.limiter, self._rates = verifier, limiter, rates

    def recall(self, route: Route, request: Request) -> Claims | str | None:
        """Whose request it is; None when it is nobody's and need not be; or the token, when `verifier` has yet to look at it.
        Raises `Refusal`."""
        access = route.needs(request.method)
        if access is OPEN:
            return None
        if request.authorization is None:
            if access is REQUIRED:
                raise Unauthorized
            return None
        token = bearer(request.authorization)
        return self.verifier.recall(token) or token

    def rate(self, route: Route) -> Rate | None:
        """None when such requests are not counted."""
        return self._rates[route.rate]


def bearer(authorization: bytes) -> str:
    """The token in an Authorization header. Raises `InvalidToken`."""
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token or not token.isascii():
        raise InvalidToken
    return token.decode()


def too_many(route: Route, verdict: Verdict) -> TooMany:
    """The refusal of a request that was one too many."""
    wait = max(1, int(-(-verdict.reset // 1)))
    metrics.limited.labels(route.rate).inc()
    return TooMany(f"Too many requests. Try again in {wait} second{'s' * (wait > 1)}.", retry_after=wait)
