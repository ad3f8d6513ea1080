"""Throw-away containers as test servers, for machines that have Docker and want the operators' versions."""

import contextlib
import os
import secrets
from collections.abc import Iterator

import docker  # type: ignore[import-untyped]  # comes with testcontainers; has no types
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

POSTGRES = os.environ.get("EDUSTREAM_TEST_POSTGRES_IMAGE", "postgres:18")
REDIS = os.environ.get("EDUSTREAM_TEST_REDIS_IMAGE", "redis:7")
RABBITMQ = os.environ.get("EDUSTREAM_TEST_RABBITMQ_IMAGE", "rabbitmq:4")
USER, PASSWORD = "edustream", "edustream-test"


@contextlib.contextmanager
def running() -> Iterator[tuple[str, str, str, str]]:
    """URLs of PostgreSQL, Redis and RabbitMQ, and the id of the broker's container."""
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(
            DockerContainer(POSTGRES)
            .with_env("POSTGRES_PASSWORD", PASSWORD)
            .with_command("postgres -c fsync=off -c max_connections=300")
            .with_exposed_ports(5432)
            .waiting_for(LogMessageWaitStrategy("ready to accept connections", times=2))
        )
        valkey = stack.enter_context(
            DockerContainer(REDIS).with_exposed_ports(6379).waiting_for(LogMessageWaitStrategy("eady to accept connections"))
        )
        broker = stack.enter_context(
            DockerContainer(RABBITMQ)
            .with_env("RABBITMQ_DEFAULT_USER", USER)
            .with_env("RABBITMQ_DEFAULT_PASS", PASSWORD)
            .with_exposed_ports(5672)
            .waiting_for(LogMessageWaitStrategy("Server startup complete"))
        )
        yield (
            f"postgresql://postgres:{PASSWORD}@{_address(postgres, 5432)}",
            f"redis://{_address(valkey, 6379)}/0",
            f"amqp://{USER}:{PASSWORD}@{_address(broker, 5672)}/",
            broker.get_wrapped_container().id,
        )


def new_vhost(broker: str, stem: str) -> str:
    """The name of a new vhost, empty."""
    vhost = f"{stem}-{secrets.token_hex(4)}"
    container = docker.from_env().containers.get(broker)
    for command in (["add_vhost", vhost], ["set_permissions", "-p", vhost, USER, ".*", ".*", ".*"]):
        code, output = container.exec_run(["rabbitmqctl", *command])
        if code:
            raise RuntimeError(f"rabbitmqctl {command[0]}: {output.decode(errors='replace')[-300:]}")
    return vhost


def _address(container: DockerContainer, port: int) -> str:
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
