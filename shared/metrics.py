"""Prometheus metrics that every process exports at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

requests = Histogram(
    "edustream_http_request_seconds",
    "Requests by route template",
    ["service", "method", "route", "status"],
    buckets=BUCKETS,
)
events_published = Counter("edustream_events_published", "Events confirmed by the broker", ["service"])
events_unroutable = Counter(
    "edustream_events_unroutable", "Events that no queue took, and that are to be published again", ["service", "type"]
)
events_handled = Counter("edustream_events_handled", "Messages by outcome", ["service", "type", "outcome"])
event_delay = Histogram(
    "edustream_event_delay_seconds", "From the event's time to its effect's commit", ["service"], buckets=BUCKETS
)
outbox_depth = Gauge("edustream_outbox_depth", "Events not yet published", ["service"])
outbox_age = Gauge("edustream_outbox_age_seconds", "Age of the oldest event not yet published", ["service"])
queue_depth = Gauge("edustream_queue_depth", "Messages that wait in the service's queue", ["service"])
dead_letters = Gauge("edustream_dead_letters", "Messages that the service refused for ever, or failed at too often", ["service"])
broker_connected = Gauge("edustream_broker_connected", "Whether there is a connection to the broker", ["service", "purpose"])
pool_size = Gauge("edustream_pool_size", "Database connections that the process may have", ["service"])
pool_in_use = Gauge("edustream_pool_in_use", "Database connections in use", ["service"])
pool_waiting = Gauge("edustream_pool_waiting", "Requests waiting for a database connection", ["service"])
server_connections = Gauge("edustream_database_connections", "Connections to the database server, of everybody", ["service"])
server_connections_limit = Gauge(
    "edustream_database_connections_limit", "Connections that the database server takes of ordinary roles", ["service"]
)
threads_inside = Gauge("edustream_threads_inside", "Calls on the threads of a kind, or waiting for one", ["threads"])
threads_refused = Counter("edustream_threads_refused", "Calls that found too many waiting, or waited too long", ["threads"])
job_runs = Counter("edustream_job_runs", "Periodic jobs by outcome", ["service", "job", "outcome"])
job_last_done = Gauge("edustream_job_last_done_timestamp_seconds", "When a job last came to its end", ["service", "job"])
job_period = Gauge("edustream_job_period_seconds", "Seconds between two runs of a job", ["service", "job"])
