"""Whatever anybody sends, nothing breaks and nothing is answered that is not described. `make fuzz` asks much more.

Its name puts it last: whoever is made up as an administrator deletes and rejects people that other tests rely on."""

import json
import os
import re
from pathlib import Path

import pytest

from deploy.openapi import FILE
from tests.e2e.fuzzing import fuzz
from tests.e2e.people import Person, registers

EXAMPLES = int(os.environ.get("EDUSTREAM_FUZZ_EXAMPLES") or 1)  # for each operation and role
SEED = int(os.environ.get("EDUSTREAM_FUZZ_SEED") or 1)
# Whose most paths are; what the others are answered there, `test_refusals` says. `make fuzz` sends everybody everywhere.
PATHS = {
    "student": "^/(auth|[.]well-known|api/(users|avatars|profile|students|bookings|reviews|messages|notifications|utils))",
    "tutor": "^/api/(tutors?|packages)(/|$)",
    "admin": "^/(health$|api/(admin|audit|subjects|health))",
}


def test_every_path_is_somebodys() -> None:
    paths = json.loads(FILE.read_text())["paths"]

    assert [path for path in paths if sum(bool(re.match(regex, path)) for regex in PATHS.values()) != 1] == []


@pytest.mark.timeout(0 if EXAMPLES > 1 else 240)
async def test_whatever_is_sent_every_answer_is_described_and_none_is_a_breakdown(
    gateway: str, administrator: Person, tmp_path: Path
) -> None:
    people = {"student": await registers(gateway), "tutor": await registers(gateway, "tutor"), "admin": administrator}
    phases = "examples,coverage,fuzzing,stateful" if EXAMPLES > 1 else "fuzzing"

    # The administrator comes last: most requests of people who have been deleted would say little.
    for role, person in people.items():
        paths = ".*" if EXAMPLES > 1 else PATHS[role]
        is_well, said = await fuzz(gateway, person.token, tmp_path, seed=SEED, examples=EXAMPLES, phases=phases, paths=paths)
        assert is_well, f"as {role}:\n{said}"
