"""Every refusal that the OpenAPI document promises, and which of them some test provokes through the gateway."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from deploy.openapi import FILE
from tests.contracts.examples import REFUSALS, load
from tests.contracts.openapi import Judge

KEPT = Judge(json.loads(FILE.read_text()))
"""By the document as it is in the repository."""


class Refused(NamedTuple):
    """An operation, and what it may answer. `code` is empty where the document names none."""

    endpoint: str
    status: int
    code: str


DOCUMENTED = frozenset(
    Refused(endpoint, int(status), code)
    for endpoint, operation in KEPT.operations.items()
    for status in operation["responses"]
    if int(status) >= 400
    for code in KEPT.codes(endpoint, status) or [""]
)
PROVOKED = {Refused(refusal.endpoint, refusal.status, refusal.code) for refusal in load(REFUSALS)}


WITHOUT_DATABASE = (
    "GET /api/admin/dashboard/system",
    "GET /api/avatars/{name}",
    "GET /api/tutors/photos/{name}",
    "GET /api/users/currency/options",
    "GET /api/utils/countries",
    "GET /api/utils/languages",
    "GET /api/utils/phone-codes",
    "GET /api/utils/proficiency-levels",
)
NOT_PROVOKED = dict.fromkeys(
    (Refused(endpoint, 500, "internal_error") for endpoint in WITHOUT_DATABASE),
    "They read what is in memory, files, or what others answer: nothing that could be broken from outside makes them fail.",
)
"""Why nobody provokes a refusal that is documented."""


def documenting(status: int, code: str) -> list[str]:
    """All operations that document this refusal."""
    return sorted(refused.endpoint for refused in DOCUMENTED if refused[1:] == (status, code))


def every(status: int, code: str) -> list[str]:
    """The same; whoever asks for them provokes it of each."""
    return some(status, code, documenting(status, code))


def some(status: int, code: str, endpoints: Iterable[str]) -> list[str]:
    """These operations, of which the caller provokes this refusal."""
    found = list(endpoints)
    PROVOKED.update(Refused(endpoint, status, code) for endpoint in found)
    return found
