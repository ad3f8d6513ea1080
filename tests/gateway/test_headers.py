"""What a service trusts is written by the gateway alone; what was meant for one hop goes no further."""

import httpx
import pytest

from gateway.clients import TrustedProxies, limit_key
from tests.clients import plain_client
from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.keys import token
from tests.gateway.raw import ask, read_answer
from tests.gateway.standin import Exchange
from tests.waiting import eventually

PUBLIC = "/api/subjects"
LIES = {
    "Forwarded": "for=6.6.6.6",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/x",
    "X-Real-IP": "6.6.6.6",
    "X-Original-URL": "/internal",
    "X-Rewrite-URL": "/internal",
    "X-HTTP-Method-Override": "DELETE",
}


async def test_a_strangers_claims_are_replaced(http: httpx.AsyncClient, services: Services) -> None:
    await http.get(PUBLIC, headers=LIES)

    seen = services["profiles"].seen[-1]
    assert seen.all("x-forwarded-for") == ["127.0.0.1"]
    assert seen.all("x-forwarded-proto") == ["http"]
    assert seen.all("x-forwarded-host") == seen.all("host") == [http.base_url.netloc.decode()]
    assert b"6.6.6.6" not in seen.raw
    assert b"internal" not in seen.raw
    assert b"override" not in seen.raw.lower()


async def test_a_trusted_proxys_word_is_taken(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway(TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")
    async with plain_client(base_url=gateway.url) as client:
        forwarded = {
            "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "api.example",
        }
        answer = await client.get(PUBLIC, headers=forwarded)
        metrics = await client.get("/metrics", headers=forwarded)

    seen = services["profiles"].seen[-1]
    assert seen.all("x-forwarded-for") == ["203.0.113.9"]
    assert seen.all("x-forwarded-proto") == ["https"]
    assert seen.all("x-forwarded-host") == ["api.example"]
    assert answer.headers["strict-transport-security"]
    assert metrics.status_code == 404


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (b"203.0.113.9", "203.0.113.9"),
        (b"6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (b"203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (b"nonsense, 10.0.0.2", "10.0.0.2"),
        (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (b"", "10.0.0.1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"::ffff:203.0.113.9", "203.0.113.9"),
        (b'fe80::1%"x', "10.0.0.1"),
    ],
)
def test_the_rightmost_untrusted_address_is_the_client(chain: bytes, client: str) -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])

    assert proxies.client("10.0.0.1", "http", b"h", {b"x-forwarded-for": chain}).address == client


def test_one_ipv6_network_is_one_client() -> None:
    assert limit_key("2001:db8::1") == limit_key("2001:db8::ffff:2") != limit_key("2001:db8:0:1::1")


async def test_hop_by_hop_headers_stay_on_their_hop(gateway: Running, services: Services) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer("200 OK", b"{}", "Keep-Alive: timeout=1", "Proxy-Connection: x", "Server: s", "X-Powered-By: p")

    services["profiles"].on[PUBLIC] = answer
    got = await ask(
        gateway,
        b"GET /api/subjects HTTP/1.1\r\nHost: a\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
        b"Proxy-Authorization: x\r\nX-Kept: 2\r\n\r\n",
    )

    raw = services["profiles"].seen[-1].raw.lower()
    assert b"x-kept: 2" in raw
    assert not [name for name in (b"x-mine", b"te:", b"keep-alive", b"proxy-auth", b"connection") if name in raw]
    assert not {"keep-alive", "proxy-connection", "server", "x-powered-by"} & got.headers.keys()


async def test_a_well_formed_request_id_is_kept_and_a_bad_one_replaced(http: httpx.AsyncClient, services: Services) -> None:
    kept = await http.get(PUBLIC, headers={"X-Request-Id": "front-end.42_x"})
    replaced = await http.get(PUBLIC, headers={"X-Request-Id": "a b"})

    assert kept.headers["x-request-id"] == "front-end.42_x"
    assert len(replaced.headers["x-request-id"]) == 32
    assert [seen.get("x-request-id") for seen in services["profiles"].seen] == [
        kept.headers["x-request-id"],
        replaced.headers["x-request-id"],
    ]


async def test_trace_context_bearer_and_cookies_travel(http: httpx.AsyncClient, services: Services) -> None:
    sent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Authorization": f"Bearer {token(7)}"}
    await http.get("/auth/me", headers=sent)

    seen = services["auth"].seen[-1]
    assert {name: seen.get(name) for name in sent} == sent


async def test_two_authorization_headers_are_none(gateway: Running, services: Services) -> None:
    good = token(1).encode()
    got = await ask(
        gateway,
        b"GET /auth/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\nAuthorization: Bearer %b\r\n\r\n" % (good, good),
    )

    assert got.status == 401
    assert not services["auth"].seen


async def test_every_answer_is_safe_to_look_at(http: httpx.AsyncClient) -> None:
    for path in (PUBLIC, "/nothing", "/health", "/auth/me"):
        answer = await http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-request-id"]
        assert answer.headers.get_list("date") != []
        assert len(answer.headers.get_list("date")) == 1


async def test_a_service_may_say_what_its_page_loads(http: httpx.AsyncClient, services: Services) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer("200 OK", b"{}", "Content-Security-Policy: sandbox", "X-Content-Type-Options: other")

    services["profiles"].on[PUBLIC] = answer
    got = await http.get(PUBLIC)

    assert got.headers.get_list("content-security-policy") == ["sandbox"]
    assert got.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_only_known_origins_may_read(start_gateway: StartGateway, services: Services) -> None:
    gateway = await start_gateway(CORS_ORIGINS="https://app.example.com,http://localhost:3000")
    wish = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    async with plain_client(base_url=gateway.url) as client:
        known = await client.options("/auth/me", headers={"Origin": "http://localhost:3000", **wish})
        stranger = await client.options("/auth/me", headers={"Origin": "https://evil.example", **wish})
        answered = await client.get(PUBLIC, headers={"Origin": "https://app.example.com"})
        refused = await client.get("/auth/me", headers={"Origin": "https://app.example.com"})

    assert known.status_code == 204
    assert known.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "PUT" in known.headers["access-control-allow-methods"]
    assert "authorization" in known.headers["access-control-allow-headers"]
    assert known.headers["vary"] == "origin"
    assert "access-control-allow-origin" not in stranger.headers
    assert not services["auth"].seen
    assert answered.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "ratelimit-limit" in answered.headers["access-control-expose-headers"]
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example.com"


async def test_without_cors_origins_no_permission_is_given(http: httpx.AsyncClient) -> None:
    answer = await http.get(PUBLIC, headers={"Origin": "https://app.example.com"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_log_tells_of_requests_but_not_of_their_queries(gateway: Running, http: httpx.AsyncClient) -> None:
    secret = token(9)
    answer = await http.get(f"/api/tutors?token={secret}", headers={"Authorization": f"Bearer {secret}"})
    reader, writer = await gateway.connect()
    writer.write(f"GET /ws/9?token={secret} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await read_answer(reader)
    writer.close()

    async def logged() -> bool:
        return answer.headers["x-request-id"] in gateway.lines()

    await eventually(logged)
    line = next(line for line in gateway.lines().splitlines() if answer.headers["x-request-id"] in line)
    assert '"route":"/api/tutors"' in line
    assert '"user_id":9' in line
    assert secret not in gateway.lines()
