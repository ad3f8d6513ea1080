"""docs/openapi.json: what the gateway serves as /openapi.json, from the services as they are declared; nothing has to run."""

import argparse
import json
import sys
from typing import Any

from deploy.local.settings import ROOT
from gateway.openapi import merge
from gateway.routes import SERVICES, Routes
from shared.service import build, find

FILE = ROOT / "docs" / "openapi.json"
PUBLIC_URL = "http://localhost:8000"
NEEDED = ("database_url", "redis_url", "amqp_url", "internal_token", "jwt_private_key")
UNUSED: dict[str, Any] = dict.fromkeys(NEEDED, "nobody asks for it")


def document() -> dict[str, Any]:
    """The merged document."""
    return merge(documents(), Routes(), PUBLIC_URL)


def documents() -> dict[str, dict[str, Any]]:
    """What each service says of itself."""
    return {name: _of(name) for name in SERVICES}


def render(document: dict[str, Any]) -> str:
    """The document as it is kept: every operation and schema in its place, so that a change is a small difference."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file, or (`--check`) say whether it is what would be written."""
    parser = argparse.ArgumentParser(prog="python -m deploy.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = render(document())
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        print("docs/openapi.json is out of date: run `make openapi` and commit it")
        return 1
    return 0


def _of(name: str) -> dict[str, Any]:
    service = find(name)
    settings = service.settings.model_construct(service=name, env="local", **UNUSED)
    return build(service, settings).openapi()


if __name__ == "__main__":
    sys.exit(main())
