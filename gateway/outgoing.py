"""The headers of every answer: what a service said, without what is not for the client, and with what the gateway adds."""

from gateway.hops import without
from gateway.limits.rate import Rate, Verdict
from gateway.server.request import Request

# Hop-by-hop, said by the gateway itself, or nobody's business.
DROPPED = (
    b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"date",
    b"server", b"x-powered-by", b"x-request-id", b"x-content-type-options", b"referrer-policy", b"x-frame-options",
    b"strict-transport-security", b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset",
    b"access-control-allow-origin", b"access-control-expose-headers",
)  # fmt: skip
DROP, CONNECTION, LENGTH, POLICY = range(4)
KINDS = dict.fromkeys(DROPPED, DROP) | {
    b"connection": CONNECTION,
    b"content-length": LENGTH,
    b"content-security-policy": POLICY,
}
SAFETY = b"x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\nx-frame-options: DENY\r\n"
STRICT = b"strict-transport-security: max-age=31536000; includeSubDomains\r\n"
NOTHING_LOADED = b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
EXPOSED = (
    b"x-request-id, x-total-count, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, location, etag, "
    b"content-disposition"
)
PREFLIGHT = (
    b"access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\naccess-control-allow-headers: authorization, "
    b"content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent\r\naccess-control-max-age: 600\r\n"
)


class Cors:
    """Which browser origins may read answers. Tokens travel in a header, never in cookies, so credentials are not needed."""

    def __init__(self, origins: list[str]) -> None:
        self._any = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def allows(self, origin: bytes) -> bool:
        return bool(origin) and (self._any or origin in self._origins)

    def headers(self, origin: bytes) -> bytes:
        if not self._origins:
            return b""
        vary = b"" if self._any else b"vary: origin\r\n"
        if not self.allows(origin):
            return vary
        return b"%baccess-control-allow-origin: %b\r\naccess-control-expose-headers: %b\r\n" % (
            vary,
            b"*" if self._any else origin,
            EXPOSED,
        )

    def preflight(self, origin: bytes) -> bytes:
        """What a preflight's answer carries besides: nothing, when its origin is a stranger's."""
        return PREFLIGHT if self.allows(origin) else b""


def common(request: Request, cors: Cors, *, https: bool) -> bytes:
    """What every answer carries."""
    return b"x-request-id: %b\r\n%b%b%b" % (request.request_id, SAFETY, STRICT if https else b"", cors.headers(request.origin))


def limits(rate: Rate, verdict: Verdict) -> bytes:
    return b"ratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n" % (
        rate.limit,
        verdict.remaining,
        -(-verdict.reset // 1),
    )


def passed_on(head: bytes) -> tuple[bytes, bool]:
    """The header lines of a service's answer that are for the client, and whether they say how long the body is.

    A service may set its own content security policy; all other answers load nothing."""
    kept, sized, guarded = [], False, False
    nominated = b""
    for line in head.split(b"\r\n")[1:-1]:
        kind = KINDS.get(line.partition(b":")[0].lower())
        if kind is None:
            kept.append(line)
        elif kind == LENGTH:
            sized = True
            kept.append(line)
        elif kind == POLICY:
            guarded = True
            kept.append(line)
        elif kind == CONNECTION:
            nominated += b"," + line.partition(b":")[2].strip().lower()
    if nominated:
        kept = without(kept, nominated)
    kept.append(b"" if guarded else NOTHING_LOADED)
    return b"\r\n".join(kept), sized
