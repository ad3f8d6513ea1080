"""`python -m gateway`."""

import gc
import socket

import uvicorn

from gateway.server.protocol import EdgeProtocol
from gateway.settings import GatewaySettings
from gateway.wiring import Application
from shared import logs, tracing
from shared.server import Server
from shared.settings import load


class GatewayServer(Server):
    """uvicorn's lifecycle: listens, renews the date, and drains on SIGTERM."""

    def __init__(self, application: Application, settings: GatewaySettings) -> None:
        self._application = application
        config = uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            http=EdgeProtocol,
            ws="none",
            loop="uvloop",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_timeout,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.drain()
        await super().shutdown(sockets)


def main() -> None:
    settings = load(GatewaySettings)
    logs.configure("gateway", settings.log_level)
    tracing.begin("gateway", settings.otlp_endpoint)
    gc.freeze()  # what is loaded now stays; requests leave no cycles behind, so that looking for garbage seldom is enough
    gc.set_threshold(50_000, 20, 20)
    GatewayServer(Application(settings), settings).run()


if __name__ == "__main__":
    main()
