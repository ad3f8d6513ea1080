"""One trace goes from the gateway through a service, its transaction and outbox, to whoever hears the event."""

import secrets
import subprocess
import sys

from tests.e2e.collector import Collector, Seen
from tests.e2e.people import Person, approved_tutor, registers
from tests.waiting import eventually

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # as OTLP numbers the kinds
OFF = """
import sys
import gateway.wiring, services.auth.app
from shared import tracing
tracing.begin("any", "")
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf"))])
"""


def one(spans: list[Seen], service: str, name: str) -> Seen:
    found = [span for span in spans if (span.service, span.name) == (service, name)]
    assert len(found) == 1, (service, name, spans)
    return found[0]


async def test_a_booking_is_one_trace_from_the_gateway_to_those_who_hear_of_it(
    gateway: str, administrator: Person, collector: Collector
) -> None:
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    student = await registers(gateway)
    slot = (await student.sees_slots(tutor_id))[0]
    trace = secrets.token_hex(16)
    student.client.headers["traceparent"] = f"00-{trace}-{secrets.token_hex(8)}-01"

    await student.books(tutor_id, slot["start_time"])
    await tutor.notified_of("booking_requested")

    async def whole() -> list[Seen]:
        spans = collector.of(trace)
        heard = {s.service for s in spans if s.kind == CONSUMER}
        sent = {(s.service, s.kind) for s in spans}  # by each process, when it likes
        return spans if heard >= {"notifications", "reporting"} and sent >= {("gateway", SERVER), ("bookings", PRODUCER)} else []

    spans = await eventually(whole)
    edge = one(spans, "gateway", "POST /api/bookings")
    request = one(spans, "bookings", "POST /api/bookings")
    sent = one(spans, "bookings", "publish bookings.booking.requested.v1")
    written = next(s for s in spans if s.id == sent.parent)
    heard = one(spans, "notifications", "process bookings.booking.requested.v1")
    assert (edge.kind, request.kind, sent.kind, heard.kind) == (SERVER, SERVER, PRODUCER, CONSUMER)
    assert request.parent == edge.id
    assert (written.service, written.name, written.kind, written.parent) == ("bookings", "transaction", CLIENT, request.id)
    assert heard.parent == written.id
    assert any(s.parent == heard.id and s.name == "transaction" for s in spans)
    assert not any(s.failed for s in spans)


async def test_a_traceparent_that_is_none_is_not_passed_on(gateway: str, collector: Collector) -> None:
    person = await registers(gateway)
    person.client.headers["traceparent"] = "00-not-a-trace-00"
    others = {span.id for span in collector.spans}

    await person.get("/api/students/favorites")

    async def seen() -> list[Seen]:
        favorites = ("profiles", "GET /api/students/favorites")
        return [s for s in collector.spans if (s.service, s.name) == favorites and s.id not in others]

    (at_service,) = await eventually(seen)

    async def at_gateway() -> list[Seen]:
        return [s for s in collector.of(at_service.trace) if s.service == "gateway"]

    assert await eventually(at_gateway)
    assert one(collector.of(at_service.trace), "gateway", "GET /api/students/favorites").parent == ""


async def test_health_checks_and_metrics_leave_no_spans(gateway: str, collector: Collector) -> None:
    person = await registers(gateway)
    await person.get("/health")
    await person.get("/auth/me")  # noted after whatever came before it

    async def seen() -> list[Seen]:
        return [s for s in collector.spans if s.name == "GET /auth/me"]

    await eventually(seen)
    quiet = ("GET /health", "GET /health/live", "GET /health/ready", "GET /metrics", "GET own")
    assert not [s for s in collector.spans if s.name in quiet]


def test_without_a_collector_the_sdk_is_not_imported() -> None:
    found = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
