"""`make secrets`: writes a `.env` for docker compose with fresh random secrets; never touches one that exists."""

import argparse
import base64
import os
import secrets
import sys

SERVICES = ("auth", "profiles", "bookings", "messaging", "notifications", "reporting")
NOBODY = "admin@example.com"
ED25519_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410: what stands before the key's 32 bytes


def private_key() -> str:
    """An Ed25519 private key as PEM on one line, its line ends written as \\n."""
    body = base64.b64encode(ED25519_PKCS8 + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n"


def lines(admin_email: str) -> list[str]:
    names = ["POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "EDUSTREAM_INTERNAL_TOKEN", "EDUSTREAM_ADMIN_PASSWORD"]
    names += [f"{service.upper()}_{role}_PASSWORD" for service in SERVICES for role in ("DATABASE", "OWNER")]
    return [
        "# Secrets of this installation. Keep them out of version control, and in a backup.",
        f"EDUSTREAM_ADMIN_EMAIL={admin_email}",
        *(f"{name}={secrets.token_hex(24)}" for name in names),
        f"EDUSTREAM_JWT_PRIVATE_KEY='{private_key()}'",
        "",
    ]


def administrator() -> str:
    """The address of the first administrator: as given, else as a person answers, else one to be changed."""
    if given := os.environ.get("EDUSTREAM_ADMIN_EMAIL", ""):
        return given
    if sys.stdin.isatty() and (answer := input(f"Address of the first administrator [{NOBODY}]: ").strip()):
        return answer
    print(f"EDUSTREAM_ADMIN_EMAIL is {NOBODY}: change it in .env before the first start, or give ADMIN_EMAIL=.", file=sys.stderr)
    return NOBODY


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="python -m deploy.compose_env", description=__doc__).parse_args(arguments)
    if os.path.exists(".env"):
        print(".env exists and was left alone; move it away to make a new one.", file=sys.stderr)
        return 1
    content = "\n".join(lines(administrator()))
    with open(os.open(".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    print("Wrote .env. Next: docker compose up --build --wait")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
