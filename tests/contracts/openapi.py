"""The OpenAPI document as a judge of requests and answers: what it does not describe is wrong."""

import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator

Json = dict[str, Any]
CODE = re.compile(r"`(\w+)`")


class Judge:
    """Says in what an answer differs from the document. Objects may have no property that the document does not name."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.operations: dict[str, Json] = {
            f"{method.upper()} {path}": operation
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }
        self._operations = {_nameless(endpoint): operation for endpoint, operation in self.operations.items()}
        self._open: Json = document["components"]
        self._closed: Json = _closed(document["components"])

    def operation(self, endpoint: str) -> Json:
        """The operation of `METHOD /path`, whatever its parameters are called."""
        found: Json = self._operations[_nameless(endpoint)]
        return found

    def codes(self, endpoint: str, status: str) -> list[str]:
        """Those that the document names for a refusal."""
        response = self.operation(endpoint)["responses"].get(status, {})
        return CODE.findall(self._resolved(response).get("description", ""))

    def differences(self, endpoint: str, answer: httpx.Response) -> list[str]:
        """Between an answer and what the document says of it."""
        media_type = answer.headers.get("content-type", "").partition(";")[0] if answer.content else ""
        body = answer.json() if media_type == "application/json" else None
        return [
            f"{endpoint} {answer.status_code}: {p}" for p in self._differences(endpoint, answer.status_code, media_type, body)
        ]

    def _differences(self, endpoint: str, status: int, media_type: str, body: Any) -> list[str]:
        responses = self.operation(endpoint)["responses"]
        response = responses.get(str(status))
        if response is None:
            return [f"the status is not among {', '.join(responses)}"]
        content = self._resolved(response).get("content", {})
        if not content and not media_type:
            return []
        if media_type not in content and "*/*" not in content:
            return [f"{media_type or 'nothing'} is not among {', '.join(content) or 'nothing'}"]
        if media_type != "application/json":
            return []
        return self._problems(content[media_type]["schema"], body, self._closed) + self._other_codes(endpoint, status, body)

    def _other_codes(self, endpoint: str, status: int, body: Any) -> list[str]:
        codes = self.codes(endpoint, str(status)) if status >= 400 else []
        return [f"the code {body['code']} is not among {', '.join(codes)}"] if codes and body["code"] not in codes else []

    def request_problems(self, endpoint: str, body: Any) -> list[str]:
        """Of a JSON body. Further properties are allowed: the services ignore them."""
        content = self.operation(endpoint)["requestBody"]["content"]
        return [f"{endpoint}: {p}" for p in self._problems(content["application/json"]["schema"], body, self._open)]

    def _resolved(self, response: Json) -> Json:
        if "$ref" not in response:
            return response
        found: Json = self._open["responses"][response["$ref"].rpartition("/")[2]]
        return found

    def _problems(self, schema: Json, value: Any, components: Json) -> list[str]:
        checker = Draft202012Validator.FORMAT_CHECKER
        validator = Draft202012Validator({**_closed(schema), "components": components}, format_checker=checker)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _closed(node: Any) -> Any:
    """The schema, refusing properties that it does not name."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node:
        closed["additionalProperties"] = False
    return closed
