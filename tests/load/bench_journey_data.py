"""The databases that `bench_journey` runs on: each service's, filled as its own bench fills it."""

import psycopg
from psycopg import sql

from deploy.local.databases import connect, url_for
from deploy.local.processes import SERVICES
from shared import migrations
from tests.load import bench_bookings, bench_messaging_threads, bench_profiles_population

ACCOUNTS = """
INSERT INTO accounts (id, email, password_hash, role, first_name, last_name) OVERRIDING SYSTEM VALUE
SELECT n, 'person' || n || '@example.com', 'none', 'student', 'Jane', 'Doe' FROM generate_series(1, %(size)s) AS n
"""
TOLD = """
INSERT INTO people SELECT n, 1, 'person' || n || '@example.com', 'Jane', 'UTC', true, false, false, false, false
FROM generate_series(1, %(size)s) AS n
"""
NOTIFICATIONS = """
INSERT INTO notifications (user_id, event_id, kind, title, message, data)
SELECT 1 + n %% (%(size)s / 10), gen_random_uuid(), 'booking_confirmed', 'Booking Confirmed', 'Your session is confirmed',
  '{"booking_id": 1}' FROM generate_series(1, %(size)s) AS n
"""


def prepare(server_url: str, size: int) -> dict[str, str]:
    """New databases with about `size` rows of everything; their URLs."""
    urls = {}
    with connect(server_url) as admin:
        for service in SERVICES:
            name = sql.Identifier(f"bench_journey_{service}")
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
            urls[service] = url_for(server_url, f"bench_journey_{service}")
    for service, url in urls.items():
        migrations.upgrade(service, url)
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            fill(connection, service, size)
            connection.execute("VACUUM ANALYZE")
    return urls


def fill(connection: psycopg.Connection, service: str, size: int) -> None:
    if service == "auth":
        connection.execute(ACCOUNTS, {"size": max(size, 2000)})
    elif service == "profiles":
        for statement in bench_profiles_population.FILL:
            connection.execute(statement, bench_profiles_population.parameters(size))
        connection.execute("TRUNCATE catalogue_changes, word_changes")  # what filling noted is in the counts already
    elif service == "bookings":
        bench_bookings.fill(connection, size)
    elif service == "messaging":
        connection.execute(bench_messaging_threads.PEOPLE)
        threads = {"me": 1, "threads": min(size // 10, 10_000), "messages": size}
        connection.execute(bench_messaging_threads.MESSAGES, threads)
        connection.execute(bench_messaging_threads.SIDES)
    elif service == "notifications":
        connection.execute(TOLD, {"size": max(size, 2000)})
        connection.execute(NOTIFICATIONS, {"size": size})
