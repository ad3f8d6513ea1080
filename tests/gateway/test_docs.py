"""Documentation and health: one document, readers that need nobody else, and one answer to "is it up?"."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from deploy.local import ports
from gateway import docs
from gateway.docs import Documents
from gateway.openapi import merge
from gateway.postponed import Postponed
from gateway.routes import Routes
from gateway.sweeper import Sweeper
from gateway.upstream.pool import Pool
from shared.errors import Unavailable
from tests.clients import plain_client
from tests.gateway.conftest import Running, Services, StartGateway
from tests.gateway.standin import Exchange
from tests.waiting import eventually


def document(service: str, *paths: str, **schemas: Any) -> dict[str, Any]:
    def operation(path: str) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/MessageView"}}}
        invalid = {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}
        responses = {"200": {"description": "OK", "content": content}, "422": {"description": "Wrong", "content": invalid}}
        return {"get": {"operationId": f"{service}_{path.strip('/').replace('/', '_')}", "responses": responses}}

    components = {
        "MessageView": {"type": "object", "title": "MessageView", "description": service},
        "HTTPValidationError": {"type": "object"},
    } | schemas
    info = {"title": service, "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": {p: operation(p) for p in paths}, "components": {"schemas": components}}


def references(node: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "#/components/([^"]+)"', json.dumps(node)))


def merged(**documents: Any) -> dict[str, Any]:
    return merge(documents, Routes(), "https://api.example")


def test_paths_of_all_services_stand_in_one_document() -> None:
    found = merged(
        auth=document("auth", "/auth/me", "/auth/login"), profiles=document("profiles", "/api/tutors/{tutor_id}/public")
    )

    assert list(found["paths"]) == ["/api/tutors/{tutor_id}/public", "/auth/login", "/auth/me", "/health"]
    assert found["servers"][0] == {"url": "https://api.example"}
    assert {tag["name"] for tag in found["tags"]} == {"auth", "profiles", "health"}


def test_what_is_not_reachable_is_not_documented() -> None:
    found = merged(auth=document("auth", "/internal/users", "/health/ready", "/api/bookings", "/auth/me"))

    assert list(found["paths"]) == ["/auth/me", "/health"]


def test_a_name_that_means_two_things_gets_its_services_name_and_every_reference_holds() -> None:
    thread = {"type": "object", "properties": {"last": {"$ref": "#/components/schemas/MessageView"}}}
    found = merged(auth=document("auth", "/auth/me"), messaging=document("messaging", "/api/messages", ThreadView=thread))

    assert {"AuthMessageView", "MessagingMessageView", "ThreadView", "Problem"} == found["components"]["schemas"].keys()
    there = {f"{kind}/{name}" for kind, named in found["components"].items() for name in named}
    assert references(found) <= there
    assert references(found["components"]["schemas"]["ThreadView"]) == {"schemas/MessagingMessageView"}
    assert [found["components"]["schemas"][name]["title"] for name in ("AuthMessageView", "MessagingMessageView")] == [
        "AuthMessageView",
        "MessagingMessageView",
    ]
    invalid = found["paths"]["/auth/me"]["get"]["responses"]["422"]
    assert references(invalid) == {"schemas/Problem"}


def test_security_is_as_in_the_route_table() -> None:
    found = merged(auth=document("auth", "/auth/me", "/auth/login"), profiles=document("profiles", "/api/tutors"))

    assert found["paths"]["/auth/me"]["get"]["security"] == [{"bearer": []}, {"password": []}]
    assert found["paths"]["/auth/login"]["get"]["security"] == []
    assert {} in found["paths"]["/api/tutors"]["get"]["security"]
    assert "401" not in found["paths"]["/auth/login"]["get"]["responses"]
    assert "429" in found["paths"]["/auth/login"]["get"]["responses"]


def test_the_codes_of_the_gateway_stand_beside_those_of_the_service() -> None:
    auth = document("auth", "/auth/me", "/auth/login")
    auth["paths"]["/auth/me"]["get"]["responses"] |= {
        "401": {"description": "No: `account_gone`"},
        "403": {"description": "No: `wrong_role`"},
    }
    found = merged(auth=auth)
    mine, login = (found["paths"][path]["get"]["responses"] for path in ("/auth/me", "/auth/login"))

    assert mine["401"]["description"].endswith(": `account_gone`, `invalid_token`, `unauthorized`")
    assert mine["403"] == {"description": "No: `wrong_role`"}
    assert mine["503"] == {"$ref": "#/components/responses/Problem503"}
    assert login["503"]["description"].endswith(": `service_busy`, `service_unavailable`")


def test_the_document_does_not_depend_on_the_order_of_services() -> None:
    one, two = document("auth", "/auth/me"), document("profiles", "/api/tutors")

    assert json.dumps(merged(auth=one, profiles=two)) == json.dumps(merged(profiles=two, auth=one))


async def test_whoever_has_the_document_is_not_sent_it_again(start_gateway: StartGateway, services: Services) -> None:
    services["auth"].openapi = document("auth", "/auth/me")
    gateway = await start_gateway()
    async with plain_client(base_url=gateway.url) as client:
        first = await client.get("/openapi.json")
        again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})

    assert first.json()["paths"].keys() == {"/auth/me", "/health"}
    assert again.status_code == 304
    assert again.content == b""


@pytest.fixture
async def documents(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Documents]:
    """Of a service that is asked again whenever somebody comes, and of one that is down."""
    monkeypatch.setattr(docs, "ASK_EVERY", 0.0)
    urls = {"auth": services["auth"].url, "bookings": f"http://127.0.0.1:{ports.choose()}"}
    pools = {name: Pool(name, url, Sweeper(), Postponed(), answer_within=5) for name, url in urls.items()}
    found = Documents(pools, Routes(), "https://api.example")
    yield found
    if found._looking is not None:
        await found._looking
    for pool in pools.values():
        pool.close()


async def paths(documents: Documents) -> set[str]:
    return set(json.loads((await documents.current())[0])["paths"])


async def test_the_document_stays_the_same_until_a_service_changes(documents: Documents, services: Services) -> None:
    services["auth"].openapi = document("auth", "/auth/me")
    first, again = [await documents.current() for _ in range(2)]
    services["auth"].openapi = document("auth", "/auth/me", "/auth/new")

    async def changed() -> bool:
        return await paths(documents) == {"/auth/me", "/auth/new", "/health"}

    await eventually(changed)
    assert first == again
    assert (await documents.current())[1] != first[1]


async def test_a_service_that_is_down_keeps_its_part(documents: Documents, services: Services) -> None:
    services["auth"].openapi = document("auth", "/auth/me")
    assert await paths(documents) == {"/auth/me", "/health"}

    async def broken(exchange: Exchange) -> None:
        await exchange.answer("500 Internal Server Error", b"oops")

    services["auth"].on["/openapi.json"] = broken

    async def asked_twice() -> bool:
        assert await paths(documents) == {"/auth/me", "/health"}
        return len(services["auth"].seen) > 1  # whatever the first answer did has been done

    await eventually(asked_twice)


async def test_nobody_waits_for_a_service_that_hangs(documents: Documents, services: Services) -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def hang(exchange: Exchange) -> None:
        asked.set()
        await over.wait()
        await exchange.answer("503 Service Unavailable")

    services["auth"].openapi = document("auth", "/auth/me")
    first = await documents.current()
    services["auth"].on["/openapi.json"] = hang

    async with asyncio.timeout(2):
        assert await documents.current() == first
        await asked.wait()
        assert await documents.current() == first
    over.set()


async def test_documents_that_cannot_be_merged_are_told_of(documents: Documents, services: Services) -> None:
    services["auth"].openapi = {"paths": 1}
    with structlog.testing.capture_logs() as said, pytest.raises(Unavailable):
        await documents.current()

    assert [line["event"] for line in said] == ["documents_not_merged"]


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_a_page_needs_nothing_from_elsewhere(http: httpx.AsyncClient, page: str) -> None:
    answer = await http.get(page)
    assets = re.findall(r'(?:src|href)="([^"]+)"', answer.text)

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len(assets) >= 2
    for asset in assets:
        assert asset.startswith("/")
        found = await http.get(asset)
        assert found.status_code == 200
        assert len(found.content) > 100
        assert (await http.get(asset, headers={"If-None-Match": found.headers["etag"]})).status_code == 304


async def test_own_pages_can_only_be_read(http: httpx.AsyncClient) -> None:
    for path in ("/docs", "/openapi.json", "/health"):
        answer = await http.post(path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert answer.json()["code"] == "method_not_allowed"


async def test_an_unknown_asset_is_not_found(http: httpx.AsyncClient) -> None:
    for path in ("/docs/nothing.js", "/docs/../settings.py", "/docs/%2e%2e/settings.py"):
        assert (await http.get(path)).status_code in (400, 404)


async def test_all_is_well(gateway: Running, http: httpx.AsyncClient, services: Services) -> None:
    async def healthy() -> bool:
        return (await http.get("/health")).status_code == 200

    await eventually(healthy)
    answer = await http.get("/health")

    assert answer.json() == {
        "status": "healthy",
        "timestamp": answer.json()["timestamp"],
        "database": "connected",
        "services": dict.fromkeys(services, "healthy"),
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json()["timestamp"])
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_down_is_named(start_gateway: StartGateway, services: Services) -> None:
    async def sick(exchange: Exchange) -> None:
        await exchange.answer("503 Service Unavailable", b'{"status": "unhealthy", "database": "disconnected"}')

    async def hang(exchange: Exchange) -> None:
        await exchange.reader.read()

    services["profiles"].on["/health/ready"] = sick
    services["messaging"].on["/health/ready"] = hang
    gateway = await start_gateway(BOOKINGS_URL=f"http://127.0.0.1:{ports.choose()}")
    async with plain_client(base_url=gateway.url) as client:
        started = time.perf_counter()
        answers = await asyncio.gather(*(client.get("/health") for _ in range(20)))
        took = time.perf_counter() - started

    assert {a.status_code for a in answers} == {503}
    body = answers[0].json()
    assert (body["status"], body["database"]) == ("unhealthy", "disconnected")
    assert body["error"] == "profiles is unhealthy; bookings is unreachable; messaging is unreachable"
    assert body["services"]["auth"] == "healthy"
    assert took < 3
    assert len(services["profiles"].seen) == 1
