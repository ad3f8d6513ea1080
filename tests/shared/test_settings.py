"""Settings: what is missing or wrong ends the process with a sentence that names it, and tells no secret."""

import pytest

from shared.settings import ServiceSettings, load

NEEDED = {
    "AMQP_URL": "amqp://u:secret@broker",
    "REDIS_URL": "redis://:secret@redis",
    "EDUSTREAM_INTERNAL_TOKEN": "a secret of sixteen",
    "DATABASE_SERVER_URL": "postgresql://u:secret@db/",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Complete, and no `.env` beside it."""
    monkeypatch.chdir(str(tmp_path))
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def test_a_service_without_more_said_is_a_production_one() -> None:
    settings = load(ServiceSettings, "bookings")

    assert settings.env == "production"
    assert settings.database_url == settings.migration_database_url == "postgresql://u:secret@db/edustream_bookings"


def test_a_services_own_variables_have_its_name_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKINGS_DATABASE_URL", "postgresql://own")
    monkeypatch.setenv("AUTH_DATABASE_POOL", "50")

    settings = load(ServiceSettings, "bookings")

    assert (settings.database_url, settings.database_pool) == ("postgresql://own", 10)


def test_the_public_address_may_end_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://lessons.example.com/")

    assert load(ServiceSettings, "bookings").public_url == "https://lessons.example.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in NEEDED),
        ("EDUSTREAM_INTERNAL_TOKEN", "short secret"),
        ("EDUSTREAM_ENV", "staging"),
        ("BOOKINGS_DATABASE_POOL", "1"),
        ("LOG_LEVEL", "secret"),
        ("BOOKINGS_PORT", "99999"),
        ("PUBLIC_URL", "secret.example.com"),
        ("PUBLIC_URL", "https://example.com/secret"),
        ("AUTH_URL", "http://auth:secret"),
        ("AMQP_URL", "broker:5672"),
        ("AMQP_URL", "http://broker"),
        ("AMQP_URL", "amqp://"),
        ("AMQP_URL", "amqp://u:12/secret@broker"),
        ("REDIS_URL", "redis://:secret/@redis"),
        ("REDIS_URL", "redis://:#secret@redis"),
        ("REDIS_URL", "redis"),
        ("DATABASE_SERVER_URL", "postgresql://u:12/secret@db"),
        ("BOOKINGS_DATABASE_URL", "postgresql://u:%secret@db:5432/b"),
        ("BOOKINGS_DATABASE_URL", "postgres//u:secret@db/b"),
        ("BOOKINGS_DATABASE_URL", "postgresql://u:secret/more@db/b"),
        ("BOOKINGS_DATABASE_URL", "postgresql://u:of@secret@db/b"),
        ("BOOKINGS_DATABASE_URL", "host=db password=secret"),
        ("BOOKINGS_MIGRATION_DATABASE_URL", "mysql://u:secret@db/b"),
        ("OBJECT_STORE_URL", "secret"),
        ("OBJECT_STORE_URL", "ftp://u:secret@files/"),
        ("OBJECT_STORE_URL", "file://relative/secret"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings, "bookings")

    assert "bookings refuses to start: " in str(ended.value)
    assert name in str(ended.value)
    assert "secret" not in str(ended.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://api.example.com"),
        ("AMQP_URL", "amqp://broker"),
        ("AMQP_URL", "amqps://u:a%2Fsecret%40b@broker:5671/vhost-1?heartbeat=10"),
        ("REDIS_URL", "redis://127.0.0.1:6379/3"),
        ("REDIS_URL", "rediss://default:secret%40b@[::1]:6380/0"),
        ("BOOKINGS_DATABASE_URL", "postgresql:///bookings?host=/run/postgresql"),
        ("BOOKINGS_DATABASE_URL", "postgresql://u@%2Frun%2Fpostgresql/bookings"),
        ("BOOKINGS_DATABASE_URL", "postgres://u:secret%40b@db:5432/bookings?sslmode=require"),
        ("BOOKINGS_MIGRATION_DATABASE_URL", ""),
        ("OBJECT_STORE_URL", ""),
        ("OBJECT_STORE_URL", "file:///data/objects"),
        ("OBJECT_STORE_URL", "s3://bucket/prefix"),
    ],
)
def test_every_way_to_name_a_server_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    load(ServiceSettings, "bookings")


def test_settings_can_be_shown_without_their_secrets() -> None:
    assert "secret" not in repr(load(ServiceSettings, "bookings"))
