"""Further gateways in front of the same services, as an operator might configure them otherwise."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from deploy.local import ports
from deploy.local.processes import GATEWAY, Deployment, environment
from tests.clients import plain_client
from tests.waiting import eventually


@asynccontextmanager
async def another_gateway(deployment: Deployment, **variables: str) -> AsyncIterator[str]:
    """The address of a gateway with these variables over those of the deployment's; it is gone when the block ends."""
    port = ports.choose()
    variables = environment(deployment, GATEWAY) | {"EDUSTREAM_PORT": str(port)} | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", cwd=deployment.directory, env=variables, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await eventually(lambda: _is_live(port), 60)
        yield f"http://{ports.LOOPBACK}:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _is_live(port: int) -> bool:
    async with plain_client() as client:
        try:
            return (await client.get(f"http://{ports.LOOPBACK}:{port}/health/live")).status_code == 200
        except httpx.TransportError:
            return False
