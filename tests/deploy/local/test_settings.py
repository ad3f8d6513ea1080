"""The environment, over `.env`."""

from pathlib import Path

import pytest

from deploy.local.servers import Instance
from deploy.local.settings import ROOT, Settings, parse_dotenv


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NAME=plain", "plain"),
        ("  export NAME = spaced  # why", "spaced"),
        ("NAME='a # b \\n c'", "a # b \\n c"),
        ('NAME="two\\nlines"', "two\nlines"),
        ('NAME="two\nlines" # after', "two\nlines"),
        ('NAME="a \\"quoted\\" word"', 'a "quoted" word'),
        ("NAME=", ""),
        ("OTHER=1\nNAME=x\nLAST=2", "x"),
        ("NAME=postgresql://u:p@h:1/d?x=y", "postgresql://u:p@h:1/d?x=y"),
    ],
)
def test_a_line_of_dotenv_is_read(text: str, value: str) -> None:
    assert parse_dotenv(text)["NAME"] == value


def test_comments_are_not_variables() -> None:
    assert parse_dotenv("#NAME=1\n  # NAME=2\n") == {}


def test_the_example_configures_nothing_and_names_what_it_says() -> None:
    text = (ROOT / ".env.example").read_text()

    assert parse_dotenv(text) == {}
    assert "EDUSTREAM_JWT_PRIVATE_KEY" in parse_dotenv(text.replace("\n#", "\n"))


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nPUBLIC_URL=http://file\nSMTP_URL=\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    settings = Settings.load(root=tmp_path)

    assert settings.get("LOG_LEVEL") == "ERROR"
    assert settings.get("PUBLIC_URL") == "http://file"
    assert settings.get("SMTP_URL", "default") == "default"


def test_test_servers_are_never_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AMQP_URL=amqp://production/\n")

    assert Settings.load(dotenv=False, root=tmp_path).get("AMQP_URL") != "amqp://production/"


def test_a_server_named_in_the_environment_is_not_run(tmp_path: Path) -> None:
    settings = Settings({"EDUSTREAM_DATA": str(tmp_path), "REDIS_URL": "redis://elsewhere/3"})
    instance = Instance("dev", settings)

    assert [server.name for server in instance.embedded()] == ["postgres", "rabbitmq"]
    assert instance.urls().redis == "redis://elsewhere/3"
