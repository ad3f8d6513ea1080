"""How fast a rebuild reads a long history: the stream replayed into the reporting service's database.

    python -m tests.load.bench_replay [--events 100000]

A random history (many versions of the same things, later ones often before earlier ones) in a broker of its own, replayed with
the pool of `python -m services.reporting rebuild`. Prints events a second, and the most memory that the process held."""

import argparse
import asyncio
import resource
import time

import aio_pika
import uvloop

from deploy.local.databases import scratch
from services.reporting.consumers import subscriptions
from shared import broker, migrations
from shared.broker import Broker, Publisher
from shared.db import Database
from shared.events.base import Event
from shared.replay import replay
from tests.load.servers import servers
from tests.services.reporting.history import events as history

AT_ONCE = 500


async def fill(amqp_url: str, events: list[Event]) -> None:
    await Broker(amqp_url, "reporting").declare_inbox("reporting", subscriptions.bindings)
    async with await aio_pika.connect(amqp_url) as connection:
        publisher = await Publisher.on(connection)
        for start in range(0, len(events), AT_ONCE):
            some = events[start : start + AT_ONCE]
            await asyncio.gather(*(publisher.send(e.event_id, broker.EVENTS, e.type, e.to_json()) for e in some))
        channel = await connection.channel()
        await (await channel.get_queue("edustream.reporting")).purge()  # only the stream is read


async def measure(database_url: str, amqp_url: str, count: int) -> None:
    await fill(amqp_url, history(1, count))
    database = Database(database_url, 2, "bench")
    await database.open()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    try:
        done = await replay(amqp_url, subscriptions, database)
    finally:
        await database.close()
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{done} in {took:.1f} s: {sum(done.values()) / took:.0f} events a second")
    grown = (after.ru_maxrss - before.ru_maxrss) / 1024
    print(f"{1000 * cpu / count:.2f} ms of this process's CPU for each, {grown:.0f} MiB more than before at most")


def main(count: int) -> None:
    with servers() as urls, scratch(urls.postgres, "bench_replay") as url:
        migrations.upgrade("reporting", url)
        uvloop.run(measure(url, urls.amqp, count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    main(parser.parse_args().events)
