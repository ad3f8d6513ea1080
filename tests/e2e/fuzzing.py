"""Requests that nobody thought of: schemathesis makes them from the OpenAPI document, and the document judges the answers."""

import asyncio
import os
import sys
from pathlib import Path

from deploy.openapi import FILE

# What the document cannot say (texts with a rule of their own, lenient numbers) is no failure in either direction. Where a word
# and an id stand in one place (/messages/search, /messages/{id}), a method of the other's is refused by 422 instead of 405.
UNFIT = "positive_data_acceptance,negative_data_rejection,unsupported_method,allow_header_conformance"
# These would end the session, or the account, that everything else is asked with.
NOT_ASKED = ("POST /auth/logout", "POST /auth/logout-all", "POST /auth/change-password", "DELETE /auth/me")


async def fuzz(gateway: str, token: str, folder: Path, *, seed: int, examples: int, phases: str, paths: str) -> tuple[bool, str]:
    """Ask every operation of these paths so many things, signed in by `token`; whether all went well, and what was said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", str(FILE), "--url", gateway),
        *(
            "--header",
            f"Authorization: Bearer {token}",
            "--include-path-regex",
            paths,
            "--exclude-checks",
            UNFIT,
            *(part for endpoint in NOT_ASKED for part in ("--exclude-name", endpoint)),
        ),
        *("--phases", phases, "--max-examples", str(examples), "--seed", str(seed), "--workers", "2"),
        *("--request-timeout", "30", "--warnings", "off", "--generation-database", "none"),
        cwd=folder,
        env=os.environ | {"NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode == 0, said.decode()
