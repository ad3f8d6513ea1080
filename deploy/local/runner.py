"""`make run`: everything from bare data directory to a healthy suite, kept alive until Ctrl-C."""

import asyncio
import signal
import sys
import time

from deploy.local import development
from deploy.local.logs import Terminal
from deploy.local.migrations import migrate
from deploy.local.processes import GATEWAY, environment
from deploy.local.servers import Instance
from deploy.local.servers.server import Record, Server
from deploy.local.settings import GATEWAY_PORT, ROOT
from deploy.local.suite import Suite
from deploy.local.summary import summary
from deploy.local.supervisor import Supervisor

NAME_WIDTH = 13
DEMO = "deploy.local.demo"


class Runner:
    """The `dev` instance with all its processes."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.port = development.gateway_port(instance.settings)
        self.terminal = Terminal(NAME_WIDTH)
        self.servers = Supervisor(instance.registry, instance.log, self.terminal.tell, self.terminal.relay)
        self.suite: Suite | None = None
        self._is_up = False

    async def start(self) -> None:
        """Bring everything up and print where it is."""
        began = time.monotonic()
        settings = self.instance.settings
        with self.instance.lock():
            records = await asyncio.to_thread(self.instance.settle, self.instance.needed())
        self.terminal.tell("run", "starting " + ", ".join(server.name for server in records))
        async with (
            asyncio.TaskGroup() as together
        ):  # services do not wait for RabbitMQ, the slowest: they find it when it is there
            for server in records.keys() - {self.instance.postgres}:
                together.create_task(self._start_server(server, records[server]))
            starting = together.create_task(self._start_suite(records.get(self.instance.postgres)))
        self._is_up = True
        suite = starting.result()
        await self._demo(suite, time.monotonic() - began)
        moved = self.port != GATEWAY_PORT and not settings.get("EDUSTREAM_PORT")
        print(summary(suite.deployment, time.monotonic() - began, moved=moved), flush=True)

    async def stop(self) -> None:
        """Services first, so that they can say their last to the servers."""
        if self.suite:
            await self.suite.stop()
        await self.servers.stop()

    def kill(self) -> None:
        """End everything without asking."""
        if self.suite:
            self.suite.kill_all()
        self.servers.kill()

    async def _start_server(self, server: Server, record: Record) -> None:
        program = await asyncio.to_thread(server.program, record)
        self.servers.start([program])
        await self.servers.wait_ready([program.name])

    async def _start_suite(self, postgres: Record | None) -> Suite:
        if postgres:
            await self._start_server(self.instance.postgres, postgres)
        databases = await asyncio.to_thread(development.prepare_databases, self.instance)
        deployment = development.deployment(self.instance, databases, self.port)
        await migrate(deployment, self.terminal.tell)
        self.suite = Suite(deployment, self.terminal.tell, self._relay)
        self.terminal.tell("run", "starting the services and the gateway")
        await self.suite.start()
        return self.suite

    def _relay(self, name: str, line: str) -> None:
        """Warnings of services, but not that RabbitMQ is not there yet while it starts."""
        if self._is_up:
            self.terminal.relay(name, line)

    async def _demo(self, suite: Suite, seconds: float) -> None:
        """Demo data, once per data directory."""
        done = self.instance.directory / "demo.done"
        if done.exists() or self.instance.settings.get("EDUSTREAM_DEMO") == "off":
            return
        self.terminal.tell("run", f"healthy after {seconds:.1f} s; adding demo data (once)")
        admin = {name: suite.deployment.given[name] for name in development.ADMIN}
        present = [sys.executable, "-m", DEMO], environment(suite.deployment, GATEWAY) | admin
        past = [sys.executable, "-m", "services.bookings", "demo"], environment(suite.deployment, "bookings")
        for command, env in (present, past):
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=asyncio.subprocess.DEVNULL)
            if await process.wait() != 0:
                self.terminal.tell("run", "demo data could not be added; everything else runs", 33)
                return
        done.touch()


async def run(instance: Instance) -> int:
    """Run until a signal; the second one does not wait."""
    runner = Runner(instance)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopped.is_set():
            runner.kill()
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    starting = asyncio.create_task(runner.start())
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        await stopping
    finally:
        starting.cancel()
        runner.terminal.tell("run", "stopping")
        await asyncio.wait([starting])
        await runner.stop()
        runner.terminal.tell("run", "stopped")
    return 0
