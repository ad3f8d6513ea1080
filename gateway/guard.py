"""Who may come through, and how often: the token, checked once, and the rate limit of whom it names."""

from gateway import metrics
from gateway.limits import Limiter
from gateway.limits.rate import Rate
from gateway.outbound import limits
from gateway.routes import Access, Class, Route
from gateway.visit import Visit
from shared.errors import Refusal, TooMany, Unauthorized
from shared.tokens import InvalidToken, TokenVerifier


class Guard:
    """A request with a bad token, or without a needed one, is counted as its address's: guessing tokens is limited, too."""

    def __init__(self, verifier: TokenVerifier, limiter: Limiter, rates: dict[Class, Rate | None]) -> None:
        self._verifier, self._limiter, self._rates = verifier, limiter, rates

    async def admit(self, route: Route, visit: Visit) -> None:
        """Notes whose request it is, if anybody's, and the limit's state for the answer. Raises `Refusal`."""
        inbound = visit.inbound
        access = route.needs(inbound.method)
        refusal: Refusal | None = None
        if access is not Access.OPEN and inbound.authorization is not None:
            try:
                claims = await self._verifier.verify(bearer(inbound.authorization))
                visit.user_id = claims.user_id
            except Refusal as error:
                refusal = error
        elif access is Access.REQUIRED:
            refusal = Unauthorized()
        if (rate := self._rates[route.rate]) is not None:
            await self._count(route.rate, rate, visit)
        if refusal is not None:
            raise refusal

    async def _count(self, kind: Class, rate: Rate, visit: Visit) -> None:
        user = visit.user_id
        who = visit.client.key if user is None or kind is not Class.DEFAULT else f"user {user}"
        verdict = await self._limiter.check(f"{kind.value}:{who}", rate)
        visit.headers += limits(rate, verdict)
        if not verdict.allowed:
            wait = max(1, int(-(-verdict.reset // 1)))
            metrics.limited.labels(kind.value).inc()
            raise TooMany(f"Too many requests. Try again in {wait} second{'s' * (wait > 1)}.", retry_after=wait)


def bearer(authorization: bytes) -> str:
    """The token in an Authorization header. Raises `InvalidToken`."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        raise InvalidToken
    return token.strip().decode()
