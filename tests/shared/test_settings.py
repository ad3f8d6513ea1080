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
    ],
)
def test_what_is_missing_or_wrong_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings, "bookings")

    assert "bookings refuses to start: " in str(ended.value)
    assert name in str(ended.value)
    assert "secret" not in str(ended.value)


def test_settings_can_be_shown_without_their_secrets() -> None:
    assert "secret" not in repr(load(ServiceSettings, "bookings"))
