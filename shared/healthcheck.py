"""`python -m shared.healthcheck`: whether the process on this container's port is ready; exits 0 or 1."""

import os
import sys
import urllib.request


def main() -> int:
    port = int(os.environ.get("HEALTHCHECK_PORT", "8000"))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
