"""Asks what an example asks, as whom it names."""

from typing import Any

import httpx

from tests.contracts.examples import Example, filled
from tests.e2e.files import file


async def ask(example: Example, known: dict[str, Any], path: str = "") -> httpx.Response:
    """The answer to the example's request, its places filled from `known`; at another path if one is given."""
    caller = known[example.by]
    client: httpx.AsyncClient = getattr(caller, "client", caller)
    values: dict[str, Any] = {"params": filled(example.query, known)} if example.query else {}
    values["headers"] = filled(example.headers, known)
    if example.file:
        values |= {"data": filled(example.form or {}, known), "files": {"file": file(example.file)}}
    elif example.form is not None:
        values["data"] = filled(example.form, known)
    elif example.body is not None:
        values["json"] = filled(example.body, known)
    return await client.request(example.method, path or filled(example.target, known), **values)
