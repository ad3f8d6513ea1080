"""Refusals: what a client is told when something cannot be done. Raise a subclass that says what is wrong."""

import re
import traceback
from typing import Any, ClassVar

from pydantic import ValidationError


class Refusal(Exception):
    """Answered as `{"detail", "code", "errors"?}` with `status`. `code` is the class's name in snake case unless given;
    it is stable, for programs. `detail` is a sentence for a person and names the way out where there is one."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    detail: ClassVar[str] = "The request cannot be done."

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.message = detail or self.detail
        self.errors = errors
        self.headers = headers or {}
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        return problem(self.message, self.code, self.errors)


class BadRequest(Refusal):
    status = 400


class Unauthorized(Refusal):
    status = 401
    detail = "Sign in: send a valid access token as `Authorization: Bearer <token>`."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class PaymentRequired(Refusal):
    status = 402


class Forbidden(Refusal):
    status = 403
    detail = "Your account may not do this."


class NotFound(Refusal):
    status = 404
    detail = "Not found."


class Conflict(Refusal):
    status = 409


class TooLarge(Refusal):
    status = 413


class UnsupportedMediaType(Refusal):
    status = 415


class Invalid(Refusal):
    """Well-formed, but wrong: 422."""

    status = 422
    code = "validation_error"


class TooMany(Refusal):
    status = 429

    def __init__(self, detail: str | None = None, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Unavailable(Refusal):
    status = 503
    detail = "The service is busy. Try again in a moment."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


def problem(detail: str, code: str, errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The one shape of every error body."""
    return {"detail": detail, "code": code} | ({"errors": errors} if errors else {})


def describe(error: BaseException) -> str:
    """What was wrong and where, for a log: without the values, which may be private."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors(include_input=False))
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    return " ".join([type(error).__name__, *([constraint] if constraint else []), *(f"{f.filename}:{f.lineno}" for f in where)])
