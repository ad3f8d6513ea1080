"""`python -I -S shared/healthcheck.py`: whether the process on this container's port is ready; exits 0 or 1.

It runs every few seconds beside every process, so it imports next to nothing: a client for HTTP takes longer than the answer."""

import os
import socket
import sys

REQUEST = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def main() -> int:
    port = int(os.environ.get("HEALTHCHECK_PORT", "8000"))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
            connection.sendall(REQUEST)
            return 0 if connection.recv(64).startswith(b"HTTP/1.1 200 ") else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
