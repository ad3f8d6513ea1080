"""One OpenAPI document out of the services': what is reachable from outside, one schema per name, security as in the table."""

import re
from collections.abc import Iterator
from typing import Any

from gateway.exchange import BadPath
from gateway.paths import canonical
from gateway.routes import Access, Class, Route, Routes
from gateway.upstream.errors import ServiceBroke, ServiceBusy, ServiceTimeout, ServiceUnavailable
from shared.errors import Refusal, TooMany, Unauthorized, Unavailable
from shared.tokens import InvalidToken

Json = dict[str, Any]
REF = "#/components/schemas/"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "The one shape of every error.",
    "required": ["detail", "code"],
    "properties": {
        "detail": {"type": "string", "description": "What went wrong, for a person."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
AMBIGUOUS = ("MessageView", "SubjectView")
"""Names that several services use, each for something else: every service's is known under its own name and this one. They are
listed because names that depended on who has answered yet would be other ones after a restart."""
OURS = ("Problem", "FieldProblem", "HTTPValidationError", "ValidationError")  # one schema of our own stands for all of these
SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` that login answers.",
    },
    "password": {
        "type": "oauth2",
        "description": "Sign in here with an e-mail address as the user name.",
        "flows": {"password": {"tokenUrl": "/auth/login", "refreshUrl": "/auth/refresh", "scopes": {}}},
    },
}
REASONS = {
    "400": "The request cannot be done",
    "401": "Sign in, the access token is missing or not valid",
    "429": "Too many requests, see Retry-After",
    "502": "The service broke off",
    "503": "Not available at the moment, see Retry-After",
    "504": "The service did not answer in time",
}
COMMON: dict[str, list[type[Refusal]]] = {
    "400": [BadPath],
    "401": [InvalidToken, Unauthorized],
    "429": [TooMany],
    "502": [ServiceBroke],
    "503": [ServiceBusy, ServiceUnavailable, Unavailable],
    "504": [ServiceTimeout],
}
"""What most operations that have the status have: said once, in the components."""
CODE = re.compile(r"`(\w+)`")
NEEDS: dict[Access, list[Json]] = {
    Access.REQUIRED: [{"bearer": []}, {"password": []}],
    Access.OPTIONAL: [{}, {"bearer": []}, {"password": []}],
    Access.PUBLIC: [],
    Access.OPEN: [],
}


def merge(documents: dict[str, Json], routes: Routes, public_url: str) -> Json:
    """The document for clients. What it says of a service does not depend on which others are known."""
    documents = {service: documents[service] for service in sorted(documents)}
    paths: Json = {"/health": {"get": _health_operation()}}
    components: Json = {"Problem": PROBLEM}
    tags: dict[str, Json] = {"health": {"name": "health", "description": "Is everything there?"}}
    for service, document in documents.items():
        names = {name: f"{service.title()}{name}" for name in AMBIGUOUS} | dict.fromkeys(OURS, "Problem")
        for path, item in document.get("paths", {}).items():
            if (kept := _item(service, path, _renamed(item, names), routes)) is not None:
                paths[path] = kept
        components |= {
            names.get(name, name): _titled(name, _renamed(schema, names), names) for name, schema in _schemas(document).items()
        }
        tags[service] = {"name": service, "description": document.get("info", {}).get("description", f"What {service} owns.")}
        tags |= {tag["name"]: tag for tag in document.get("tags", [])}
    used = {tag for item in paths.values() for operation in _operations(item) for tag in operation["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "EduStream", "version": "1.0.0", "description": "The backend of a tutoring marketplace."},
        "servers": [{"url": public_url}, {"url": "/", "description": "Where this page came from"}],
        "tags": [tags[name] for name in sorted(tags) if name in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {f"Problem{status}": _described(status, _common(status)) for status in COMMON},
            "securitySchemes": SECURITY,
        },
    }


def _schemas(document: Json) -> Json:
    schemas: Json = document.get("components", {}).get("schemas", {})
    return {name: schema for name, schema in schemas.items() if name not in OURS}


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: REF + names.get(value[len(REF) :], value[len(REF) :])
            if isinstance(value, str) and key == "$ref" and value.startswith(REF)
            else _renamed(value, names)
            for key, value in node.items()
        }
    return [_renamed(value, names) for value in node] if isinstance(node, list) else node


def _titled(name: str, schema: Json, names: dict[str, str]) -> Json:
    """Makers of clients call a class by its schema's title: two of one title would be one class."""
    return schema | {"title": names[name]} if name in names and schema.get("title") == name else schema


def _item(service: str, path: str, item: Json, routes: Routes) -> Json | None:
    """The path's item as it is from outside, or None when it is not reachable there."""
    plain = canonical(re.sub(r"\{[^}]*\}", "1", path).encode())
    route = routes.find(plain) if plain else None
    if route is None or route.service != service:
        return None
    return {key: _operation(service, key, path, value, route) if key in METHODS else value for key, value in item.items()}


def _operation(service: str, method: str, path: str, operation: Json, route: Route) -> Json:
    tags = operation.get("tags") or [service]
    name = operation.get("operationId") or f"{service}_{method}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}"
    access = route.needs(method.upper())
    responses = dict(operation.get("responses", {}))
    codes = {status: set(CODE.findall(responses.get(status, {}).get("description", ""))) for status in REASONS}
    for refusal in _refusals(path, access, route):
        status = str(refusal.status)
        codes[status].add(refusal.code)
    responses |= {status: _problem(status, found) for status, found in codes.items() if found}
    responses = dict(sorted(responses.items()))
    return operation | {"tags": tags, "operationId": name, "security": NEEDS[access], "responses": responses}


def _refusals(path: str, access: Access, route: Route) -> Iterator[type[Refusal]]:
    """Why we may refuse what the service would have answered; that a body is too large is said by whoever takes one."""
    yield from (ServiceBroke, ServiceBusy, ServiceTimeout, ServiceUnavailable)
    if "{" in path:  # what stands in its place may be anything
        yield BadPath
    if route.rate is not Class.UNLIMITED:
        yield TooMany
    if access in (Access.REQUIRED, Access.OPTIONAL):  # or no keys can be had
        yield from (InvalidToken, Unavailable)
    if access is Access.REQUIRED:
        yield Unauthorized


def _operations(item: Json) -> list[Json]:
    return [operation for method, operation in item.items() if method in METHODS]


def _problem(status: str, codes: set[str]) -> Json:
    return {"$ref": f"#/components/responses/Problem{status}"} if codes == _common(status) else _described(status, codes)


def _described(status: str, codes: set[str]) -> Json:
    text = f"{REASONS[status]}: {', '.join(f'`{code}`' for code in sorted(codes))}"
    return {"description": text, "content": {"application/json": {"schema": {"$ref": REF + "Problem"}}}}


def _common(status: str) -> set[str]:
    return {refusal.code for refusal in COMMON[status]}


def _health_operation() -> Json:
    properties = {name: {"type": "string"} for name in ("status", "timestamp", "database", "error")}
    services = {"type": "object", "additionalProperties": {"type": "string"}}
    schema = {
        "type": "object",
        "required": ["status", "timestamp", "database"],
        "properties": properties | {"services": services},
    }
    content = {"application/json": {"schema": schema}}
    return {
        "tags": ["health"],
        "summary": "System health check",
        "operationId": "gateway_health",
        "security": [],
        "responses": {
            "200": {"description": "Healthy", "content": content},
            "503": {"description": "Unhealthy", "content": content},
        },
    }
