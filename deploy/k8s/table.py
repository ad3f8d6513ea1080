"""What differs between the processes: whom they ask, what they may know, where out of the cluster they may go."""

from dataclasses import dataclass

HTTPS, MAIL = (443,), (25, 465, 587)
AUTH_SECRETS = ("EDUSTREAM_JWT_PRIVATE_KEY", "EDUSTREAM_ADMIN_EMAIL", "EDUSTREAM_ADMIN_PASSWORD")


@dataclass(frozen=True)
class Row:
    """One service. Secrets are keys of the Secret `edustream-<service>`; the database's URL is always among them."""

    name: str
    asks: tuple[str, ...] = ()
    """Neighbours, besides auth, whose keys everybody needs."""
    secrets: tuple[str, ...] = ()
    files: bool = False
    """Whether it keeps files in the object store."""
    outside: tuple[int, ...] = ()
    """Ports that it may reach anywhere."""


ROWS = (
    Row(
        "auth",
        secrets=AUTH_SECRETS,
        files=True,
        outside=HTTPS,
    ),
    Row("profiles", files=True, outside=HTTPS),
    Row("bookings", asks=("profiles",)),
    Row("messaging", asks=("bookings",), files=True, outside=HTTPS),
    Row("notifications", secrets=("SMTP_URL",), outside=(*MAIL, *HTTPS)),
    Row("reporting", asks=("profiles", "bookings", "messaging", "notifications", "reporting")),
)
SERVICES = tuple(row.name for row in ROWS)
SHARED = "edustream-shared"  # the Secret of what all services have in common
CONFIG = {
    "EDUSTREAM_ENV": "production",
    "EDUSTREAM_HOST": "0.0.0.0",  # noqa: S104  inside a pod
    "PUBLIC_URL": "https://edustream.example",
    "LOG_LEVEL": "INFO",
    "AUTH_URL": "http://auth:8000",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
}
"""Of every process; `edustream-config`. Object store: `edustream-files`."""
FILES = {"OBJECT_STORE_URL": "s3://edustream", "AWS_REGION": "eu-central-1"}
FILE_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")  # not needed where the pod's identity is enough
GATEWAY_CONFIG = {"TRUSTED_PROXIES": "10.0.0.0/8", "CORS_ORIGINS": ""}
NOTIFICATIONS_CONFIG = {"NOTIFICATIONS_MAIL_FROM": "EduStream <no-reply@edustream.example>", "NOTIFICATIONS_WEB_URL": ""}
BACKING = {"postgres": 5432, "rabbitmq": 5672, "redis": 6379}
