"""A process that is told to stop: it says its last words, and does not wait for whoever hears none."""

import asyncio
import json
import os
import signal
import sys

from tests.e2e.collector import collecting

SCRIPT = """
import sys
import uvicorn
from shared import logs, tracing
from shared.server import Server

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    with tracing.span("last"):
        await send({"type": "lifespan.shutdown.complete"})

logs.configure("tests")
tracing.begin("tests", sys.argv[1])
Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None)).run()
"""


async def stopped(collector: str = "") -> tuple[list[str], int]:
    """What a process says until SIGTERM has ended it, and its status then."""
    patient = os.environ | {"OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, collector, stdout=asyncio.subprocess.PIPE, env=patient
    )
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(25):
        async for line in process.stdout:
            said.append(json.loads(line)["event"])
            if "running" in said[-1]:
                process.terminate()
        return said, await process.wait()


async def test_the_last_lines_are_written_before_the_signal_ends_the_process() -> None:
    said, status = await stopped()

    assert status == -signal.SIGTERM
    assert said[-2:][0].startswith("Application shutdown complete")
    assert said[-1].startswith("Finished server process")


async def test_the_last_spans_are_sent_before_the_signal_ends_the_process() -> None:
    with collecting() as collector:
        _, status = await stopped(collector.url)

    assert status == -signal.SIGTERM
    assert [(span.service, span.name) for span in collector.spans] == [("tests", "last")]


async def test_a_collector_that_does_not_answer_holds_up_no_end() -> None:
    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    silence = asyncio.Event()
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as deaf:
        _, status = await stopped(f"http://127.0.0.1:{deaf.sockets[0].getsockname()[1]}")
        silence.set()

    assert status == -signal.SIGTERM
