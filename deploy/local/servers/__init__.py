"""PostgreSQL, Valkey and RabbitMQ without installing anything: `Instance("dev")` and `Instance("test")`."""

from deploy.local.servers.instance import Instance, Urls

__all__ = ["Instance", "Urls"]
