"""The gateway's configuration."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from gateway.clients import Networks
from gateway.limits.rate import Rate
from gateway.routes import SERVICES
from shared.settings import Settings
from shared.urls import BaseUrl


def _rate(text: str) -> str:
    Rate.parse(text)
    return text


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(values: list[str]) -> list[str]:
    Networks(values)
    return values


def _origins(values: list[str]) -> list[str]:
    for value in values:
        parts = urlsplit(value)
        if value != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query):
            raise ValueError("must be origins like https://app.example.com, separated by commas, or *")
    return values


PRIVATE = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7"]
RateText = Annotated[str, AfterValidator(_rate)]
Commas = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class GatewaySettings(Settings):
    """Field aliases are the variables' names; `.env.example` gives their meaning."""

    port: int = Field(8000, ge=0, le=65_535, validation_alias="EDUSTREAM_PORT")
    profiles_url: BaseUrl = Field("http://127.0.0.1:8002", validation_alias="PROFILES_URL")
    bookings_url: BaseUrl = Field("http://127.0.0.1:8003", validation_alias="BOOKINGS_URL")
    messaging_url: BaseUrl = Field("http://127.0.0.1:8004", validation_alias="MESSAGING_URL")
    notifications_url: BaseUrl = Field("http://127.0.0.1:8005", validation_alias="NOTIFICATIONS_URL")
    reporting_url: BaseUrl = Field("http://127.0.0.1:8006", validation_alias="REPORTING_URL")
    rate_limit_register: RateText = Field("5/minute", validation_alias="EDUSTREAM_RATE_LIMIT_REGISTER")
    rate_limit_login: RateText = Field("10/minute", validation_alias="EDUSTREAM_RATE_LIMIT_LOGIN")
    rate_limit_default: RateText = Field("100/minute", validation_alias="EDUSTREAM_RATE_LIMIT_DEFAULT")
    trusted_proxies: Annotated[Commas, AfterValidator(_networks)] = Field([], validation_alias="TRUSTED_PROXIES")
    cors_origins: Annotated[Commas, AfterValidator(_origins)] = Field([], validation_alias="CORS_ORIGINS")
    metrics_from: Annotated[Commas, AfterValidator(_networks)] = Field(PRIVATE, validation_alias="GATEWAY_METRICS_FROM")
    connections: int = Field(10_000, ge=1, validation_alias="GATEWAY_CONNECTIONS")
    connections_each: int = Field(4_000, ge=1, validation_alias="GATEWAY_CONNECTIONS_PER_ADDRESS")
    access_log: bool = Field(True, validation_alias="GATEWAY_ACCESS_LOG")
    answer_timeout: float = Field(30.0, gt=0, validation_alias="GATEWAY_ANSWER_TIMEOUT")
    head_timeout: float = Field(10.0, gt=0, validation_alias="GATEWAY_HEAD_TIMEOUT")
    body_timeout: float = Field(30.0, gt=0, validation_alias="GATEWAY_BODY_TIMEOUT")
    idle_timeout: float = Field(75.0, gt=0, validation_alias="GATEWAY_IDLE_TIMEOUT")
    websocket_idle: float = Field(120.0, gt=0, validation_alias="GATEWAY_WEBSOCKET_IDLE")
    websocket_frame: int = Field(65_536, ge=125, validation_alias="GATEWAY_WEBSOCKET_FRAME")
    drain_timeout: int = Field(30, ge=1, validation_alias="GATEWAY_DRAIN_TIMEOUT")

    def services(self) -> dict[str, str]:
        """Where each service is."""
        return {name: getattr(self, f"{name}_url") for name in SERVICES}
