"""A process that is told to stop: it says its last words."""

import asyncio
import json
import signal
import sys

SCRIPT = """
import uvicorn
from shared import logs
from shared.server import Server

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})

logs.configure("tests")
Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None)).run()
"""


async def test_the_last_lines_are_written_before_the_signal_ends_the_process() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(30):
        async for line in process.stdout:
            said.append(json.loads(line)["event"])
            if "running" in said[-1]:
                process.terminate()
        status = await process.wait()

    assert status == -signal.SIGTERM
    assert said[-2:][0].startswith("Application shutdown complete")
    assert said[-1].startswith("Finished server process")
