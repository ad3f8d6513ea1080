"""Who may come through, and how often: the token, checked once, and the rate limit of whom it names."""

from collections.abc import Callable

from gateway import metrics
from gateway.limits import Limiter
from gateway.limits.rate import Rate, Verdict
from gateway.outgoing import limits
from gateway.routes import Access, Class, Route
from gateway.server.request import Request
from shared.errors import Refusal, TooMany, Unauthorized
from shared.tokens import Claims, InvalidToken, TokenVerifier

Counted = Callable[[bytes, Refusal | None], None]


class Guard:
    """A request with a bad token, or without a needed one, is counted as its address's: guessing tokens is limited, too."""

    def __init__(self, verifier: TokenVerifier, limiter: Limiter, rates: dict[Class, Rate | None]) -> None:
        self._verifier, self._limiter, self._rates = verifier, limiter, rates

    def recall(self, route: Route, request: Request) -> Claims | str | None:
        """Whose request it is; None when it is nobody's and need not be; or the token, when `verify` is needed to say.
        Raises `Refusal`."""
        access = route.needs(request.method)
        if access is Access.OPEN:
            return None
        if request.authorization is None:
            if access is Access.REQUIRED:
                raise Unauthorized
            return None
        token = bearer(request.authorization)
        return self._verifier.recall(token) or token

    async def verify(self, token: str) -> Claims:
        """Raises `Refusal`."""
        return await self._verifier.verify(token)

    def count(self, route: Route, user: int | None, address: str, then: Counted) -> None:
        """Count the request, and tell `then` the limit's headers, and the refusal if it is one too many."""
        rate = self._rates[route.rate]
        if rate is None:
            then(b"", None)
            return
        limited = rate

        def settle(verdict: Verdict) -> None:
            then(limits(limited, verdict), None if verdict.allowed else _too_many(route, verdict))

        who = address if user is None or route.rate is not Class.DEFAULT else f"user {user}"
        self._limiter.check(f"{route.rate.value}:{who}", rate, settle)


def bearer(authorization: bytes) -> str:
    """The token in an Authorization header. Raises `InvalidToken`."""
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token or not token.isascii():
        raise InvalidToken
    return token.decode()


def _too_many(route: Route, verdict: Verdict) -> TooMany:
    wait = max(1, int(-(-verdict.reset // 1)))
    metrics.limited.labels(route.rate.value).inc()
    return TooMany(f"Too many requests. Try again in {wait} second{'s' * (wait > 1)}.", retry_after=wait)
