"""How long an event takes from the commit that says it to the commit of its effect, through outbox, RabbitMQ and inbox.

    python -m tests.load.bench_events [--events 1000] [--rate 20]

Two processes, as in life: this one commits, as an API does; a worker relays and consumes. Prints p50 and p99 of single events
on an otherwise idle path (targets: under 25 and 150 ms), and how many a second pass when thousands are said at once."""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time

import aio_pika
import uvloop

from deploy.local.databases import scratch
from shared import broker, migrations
from shared.broker import Broker
from shared.db import Database, Tx
from shared.events.base import Envelope
from shared.events.messaging import MessageSent
from shared.inbox import Consumer, Subscriptions
from shared.outbox import Relay, publish
from tests.load.servers import servers
from tests.waiting import eventually

BURST = 5000
WARM_UP = 50

subscriptions = Subscriptions("bench")


@subscriptions.on(MessageSent)
async def notice(tx: Tx, event: MessageSent) -> None:
    """The inbox row is the effect."""


class Timed(Consumer):
    """Says when each event's effect was committed."""

    async def _handle(self, envelope: Envelope) -> str:
        outcome = await super()._handle(envelope)
        print(envelope.data["message_id"], time.monotonic(), flush=True)
        return outcome


async def work(database_url: str, amqp_url: str) -> None:
    """The worker process."""
    database = Database(database_url, 10, "bench worker")
    await database.open()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Relay(database_url, Broker(amqp_url, "bench"), "bench").run())
        tasks.create_task(Timed(subscriptions, database, Broker(amqp_url, "bench")).run())


class Worker:
    """The worker process, seen from here: when it was done with which event."""

    def __init__(self, database_url: str, amqp_url: str) -> None:
        command = [sys.executable, "-m", "tests.load.bench_events", "--worker", database_url, amqp_url]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.done: dict[int, float] = {}

    def read(self) -> None:
        """Blocks until the process ends: for a thread of its own."""
        for line in self._process.stdout or ():
            number, _, at = line.partition(" ")
            if number.isdigit():
                self.done[int(number)] = float(at)

    async def until(self, numbers: range) -> None:
        wanted = set(numbers)

        async def have_all() -> bool:
            return self.done.keys() >= wanted

        await eventually(have_all, 300)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


async def say(database: Database, *numbers: int) -> float:
    """Commit events; the time just before the commit."""
    async with database.transaction() as tx:
        await publish(tx, *(MessageSent(message_id=n, sender_id=1, recipient_id=2) for n in numbers))
        return time.monotonic()


async def measure(database: Database, worker: Worker, events: int, rate: float) -> None:
    for number in range(WARM_UP):
        await say(database, number)
    await worker.until(range(WARM_UP))
    numbers = range(1000, 1000 + events)
    said: dict[int, float] = {}
    for number in numbers:
        said[number] = await say(database, number)
        await asyncio.sleep(1 / rate)
    await worker.until(numbers)
    cuts = statistics.quantiles((1000 * (worker.done[n] - said[n]) for n in numbers), n=100)
    print(f"{events} events at {rate:g}/s, commit to effect: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms (targets 25 and 150)")
    numbers = range(1_000_000, 1_000_000 + BURST)
    started = time.monotonic()
    for start in range(numbers.start, numbers.stop, 100):
        await say(database, *range(start, start + 100))
    await worker.until(numbers)
    took = max(worker.done[n] for n in numbers) - started
    print(f"{BURST} events at once: all had their effect after {took:.1f} s, {BURST / took:.0f} a second")


async def drive(database_url: str, amqp_url: str, arguments: argparse.Namespace) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        await broker.declare_inbox(await connection.channel(), subscriptions.service, subscriptions.bindings)
    database = Database(database_url, 10, "bench")
    await database.open()
    worker = Worker(database_url, amqp_url)
    reading = asyncio.create_task(asyncio.to_thread(worker.read))
    try:
        await measure(database, worker, arguments.events, arguments.rate)
    finally:
        worker.stop()
        await reading
        await database.close()


def main(arguments: argparse.Namespace) -> None:
    with servers() as urls, scratch(urls.postgres, "bench_events") as url:
        migrations.upgrade("messaging", url)
        uvloop.run(drive(url, urls.amqp, arguments))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--worker", nargs=2, metavar=("DATABASE_URL", "AMQP_URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        uvloop.run(work(*given.worker))
    else:
        main(given)
