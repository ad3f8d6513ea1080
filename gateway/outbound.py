"""The headers of every answer: what a service said, without what is not for the client, and with what the gateway adds."""

from gateway.inbound import Inbound
from gateway.limits.rate import Rate, Verdict

Headers = list[tuple[bytes, bytes]]

# Hop-by-hop, said by the gateway itself, or nobody's business.
DROPPED = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"date", b"server", b"x-powered-by", b"x-request-id", b"x-content-type-options", b"referrer-policy", b"x-frame-options",
    b"strict-transport-security", b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset",
    b"access-control-allow-origin", b"access-control-expose-headers",
})  # fmt: skip
POLICY = b"content-security-policy"
SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
STRICT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NOTHING_LOADED = (POLICY, b"default-src 'none'; frame-ancestors 'none'")
EXPOSED = b"x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, location, etag, content-disposition"
ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = b"authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent"


class Cors:
    """Which browser origins may read answers. Tokens travel in a header, never in cookies, so credentials are not needed."""

    def __init__(self, origins: list[str]) -> None:
        self._any = "*" in origins
        self._origins = {origin.encode() for origin in origins}
        self.enabled = bool(origins)

    def headers(self, origin: bytes) -> Headers:
        if not self.enabled:
            return []
        vary: Headers = [] if self._any else [(b"vary", b"origin")]
        if not origin or not (self._any or origin in self._origins):
            return vary
        allowed = b"*" if self._any else origin
        return [*vary, (b"access-control-allow-origin", allowed), (b"access-control-expose-headers", EXPOSED)]

    def preflight(self, headers: Headers) -> Headers:
        """What a preflight's answer carries besides `headers`: nothing, when those do not allow its origin."""
        if not any(name == b"access-control-allow-origin" for name, _ in headers):
            return []
        return [
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        ]


def common(inbound: Inbound, cors: Cors, *, https: bool) -> Headers:
    """What every answer carries."""
    headers: Headers = [(b"x-request-id", inbound.request_id), *SAFETY]
    if https:
        headers.append(STRICT)
    if cors.enabled:
        headers += cors.headers(inbound.origin)
    return headers


def limits(rate: Rate, verdict: Verdict) -> Headers:
    return [
        (b"ratelimit-limit", b"%d" % rate.limit),
        (b"ratelimit-remaining", b"%d" % verdict.remaining),
        (b"ratelimit-reset", b"%d" % -(-verdict.reset // 1)),
    ]


def passed_on(answer: Headers, ours: Headers) -> Headers:
    """A service's headers and ours. A service may set its own content security policy; all others load nothing."""
    headers = [header for header in answer if header[0] not in DROPPED]
    if not any(name == POLICY for name, _ in headers):
        headers.append(NOTHING_LOADED)
    nominated = [value for name, value in answer if name == b"connection" and value.lower() not in (b"close", b"keep-alive")]
    if nominated:
        names = {n.strip().lower() for value in nominated for n in value.split(b",")}
        headers = [header for header in headers if header[0] not in names]
    return headers + ours
