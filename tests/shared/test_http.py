"""What every service's HTTP face does with bodies that are none, or not what they say."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated, Self

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, UploadFile
from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator

from shared import types
from shared.http import Application, create_app
from shared.service import find
from tests.harness import running, settings_of
from tests.servers import Databases


@pytest.mark.parametrize("kind", [types.Name, types.Title, types.SearchTerm, types.Reason, types.Note, types.LongText])
def test_half_a_surrogate_pair_is_no_text(kind: type[str]) -> None:
    with pytest.raises(ValidationError, match="valid string"):
        TypeAdapter(kind).validate_python("a\ud800b")


async def test_half_a_surrogate_pair_is_refused_wherever_it_comes(databases: Databases, redis_url: str, amqp_url: str) -> None:
    urls = {"database_url": databases["auth"], "redis_url": redis_url, "amqp_url": amqp_url}
    async with running("auth", **urls) as service:
        answer: httpx.Response = await service.client().post(
            "/auth/login",
            content=b'{"email": "jane@example.com", "password": "\\ud800"}',
            headers={"Content-Type": "application/json"},
        )

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


class Numbers(BaseModel):
    numbers: list[int]


class Span(BaseModel):
    since: int
    until: int

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.since >= self.until:
            raise ValueError("until: must come after since")
        return self


class Spans(BaseModel):
    spans: list[Span]


router = APIRouter()


@router.post("/spans")
async def of_spans(body: Spans) -> int:
    return len(body.spans)


@router.get("/either")
async def of_either(at: datetime | date) -> str:
    return str(at)


@router.post("/json")
async def of_json(body: Numbers) -> int:
    return len(body.numbers)


@router.post("/json-or-nothing")
async def of_json_or_nothing(body: Annotated[Numbers | None, Body()] = None) -> bool:
    return body is None


@router.post("/form")
async def of_form(file: UploadFile) -> str | None:
    return file.filename


@router.post("/nothing")
async def of_nothing() -> None:
    pass


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    urls = {"database_url": "postgresql://unused", "redis_url": "redis://unused", "amqp_url": "amqp://unused"}
    app = create_app(settings_of(find("messaging"), **urls), (router,), lifespan)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tests") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/json", "application/json", 200),
        ("/json", "Application/JSON; charset=utf-8", 200),
        ("/json", "application/merge-patch+json", 200),
        ("/json", "text/plain", 415),
        ("/json", "application/xml", 415),
        ("/json", "application/x-www-form-urlencoded", 415),
        ("/json", "", 415),
        ("/json-or-nothing", "text/plain", 415),
        ("/form", "application/json", 415),
        ("/form", "", 415),
        ("/nothing", "text/plain", 200),
    ],
)
async def test_a_body_of_another_type_than_is_taken_is_415(
    client: httpx.AsyncClient, path: str, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post(path, content=b'{"numbers": [1]}', headers=headers)

    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type"


async def test_only_where_a_body_is_taken_it_may_be_of_another_type(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert {path for path, item in paths.items() if "415" in item.get("post", {}).get("responses", {})} == {
        "/json",
        "/json-or-nothing",
        "/form",
        "/spans",
    }


async def test_others_are_answered_while_the_document_is_made(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    others = threading.Event()
    monkeypatch.setattr(Application, "openapi", lambda _: {"waited": others.wait(5)})
    document = asyncio.create_task(client.get("/openapi.json"))
    await client.post("/nothing")
    others.set()

    assert (await document).json() == {"waited": True}


async def test_head_is_answered_as_get_is(client: httpx.AsyncClient) -> None:
    get, head = await client.get("/openapi.json"), await client.head("/openapi.json")
    neither = await client.head("/json")

    assert (head.status_code, head.headers["content-length"]) == (200, get.headers["content-length"])
    assert (neither.status_code, neither.headers["allow"]) == (405, "POST")
    assert (await client.post("/openapi.json")).headers["allow"] == "GET, HEAD"


async def test_no_body_is_of_no_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/json-or-nothing")).json() is True
    assert (await client.post("/json")).status_code == 422
    assert (await client.post("/form", files={"file": b"content"})).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"numbers": [1],}', "body"), (b"[]", "body"), (b'{"numbers": ["x"]}', "numbers.0"), (b"{}", "numbers")],
)
async def test_what_is_wrong_is_told_of_its_field(client: httpx.AsyncClient, body: bytes, field: str) -> None:
    answer = (await client.post("/json", content=body, headers={"Content-Type": "application/json"})).json()

    assert [wrong["field"] for wrong in answer["errors"]] == [field]
    assert "dictionary" not in answer["detail"]


async def test_what_concerns_several_fields_is_told_of_the_one_to_change(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/spans", json={"spans": [{"since": 2, "until": 1}]})).json()

    assert answer["errors"] == [{"field": "spans.0.until", "message": "must come after since"}]


async def test_a_parameter_that_may_be_of_two_types_is_one_field(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/either", params={"at": "x"})).json()

    assert {wrong["field"] for wrong in answer["errors"]} == {"at"}


async def test_a_file_that_is_none_is_asked_for(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/form", data={"file": "x"}, files={"other": b"y"})).json()

    assert answer["errors"] == [{"field": "file", "message": "Send a file"}]


async def test_of_many_errors_the_first_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/json", json={"numbers": ["x"] * 10_000})

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 50
