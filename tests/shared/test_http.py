"""What every service's HTTP face does with text that is none."""

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from shared import types
from tests.harness import running
from tests.servers import Databases


@pytest.mark.parametrize("kind", [types.Name, types.Title, types.SearchTerm, types.Reason, types.Note, types.LongText])
def test_half_a_surrogate_pair_is_no_text(kind: type[str]) -> None:
    with pytest.raises(ValidationError, match="control characters"):
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
