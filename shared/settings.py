"""Configuration of a process, read once from the environment (or `.env`) into one typed object."""

import sys
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.urls import AmqpUrl, BaseUrl, DatabaseUrl, RedisUrl, StoreUrl

S = TypeVar("S", bound="Settings")


class Settings(BaseSettings):
    """What every process needs. Field aliases are the variables' names; `.env.example` gives their meaning."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    env: Literal["local", "production"] = Field("production", validation_alias="EDUSTREAM_ENV")
    host: str = Field("127.0.0.1", validation_alias="EDUSTREAM_HOST")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="LOG_LEVEL")
    public_url: BaseUrl = Field("http://localhost:8000", validation_alias="PUBLIC_URL")
    auth_url: BaseUrl = Field("http://127.0.0.1:8001", validation_alias="AUTH_URL")
    otlp_endpoint: str = Field("", pattern="^(https?://.+)?$", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    amqp_url: AmqpUrl = Field(validation_alias="AMQP_URL", repr=False)
    redis_url: RedisUrl = Field(validation_alias="REDIS_URL", repr=False)


class ServiceSettings(Settings):
    """What every service needs besides; fields without an alias are read with the service's name before them
    (`AUTH_DATABASE_URL`, `AUTH_PORT`), see `load`."""

    service: str
    port: int = 8001
    database_url: DatabaseUrl = Field("", repr=False)
    migration_database_url: DatabaseUrl = Field("", repr=False)
    database_server_url: DatabaseUrl = Field("", validation_alias="DATABASE_SERVER_URL", repr=False)
    database_pool: int = Field(10, ge=2, le=100)
    internal_token: str = Field(validation_alias="EDUSTREAM_INTERNAL_TOKEN", min_length=16, repr=False)
    object_store_url: StoreUrl = Field("", validation_alias="OBJECT_STORE_URL", repr=False)

    @field_validator("port")
    @classmethod
    def _is_a_port(cls, port: int) -> int:
        """Here, so that it holds for services with a default of their own, too."""
        if not 0 <= port < 65_536:
            raise ValueError("must be between 0 and 65535")
        return port

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.database_url:
            if not self.database_server_url:
                raise ValueError(f"set {self.service.upper()}_DATABASE_URL or DATABASE_SERVER_URL")
            self.database_url = f"{self.database_server_url.rstrip('/')}/edustream_{self.service}"
        self.migration_database_url = self.migration_database_url or self.database_url
        return self


def load(kind: type[S], service: str | None = None) -> S:
    """The process's settings; a missing or wrong variable ends the process with one sentence that names it."""
    try:
        if service is None:
            return kind()
        return kind(_env_prefix=f"{service.upper()}_", service=service)  # type: ignore[call-arg]
    except ValidationError as error:
        sys.exit(f"{service or 'gateway'} refuses to start: {what_is_wrong(error, service)} (see .env.example)")


def what_is_wrong(error: ValidationError, service: str | None = None) -> str:
    """Each variable that is missing or wrong, and why; never what it held."""
    return "; ".join(f"{_variable(e['loc'], service)}: {e['msg']}" for e in error.errors(include_input=False))


def _variable(location: tuple[int | str, ...], service: str | None) -> str:
    name = str(location[0]) if location else "environment"
    return name if name.isupper() or service is None else f"{service}_{name}".upper()
