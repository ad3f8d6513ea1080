"""What the processes of the suite export after a lesson was booked: every process its requests, events and connections."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.processes import GATEWAY, SERVICES
from deploy.local.suite import Suite
from tests.e2e.people import Person, approved_tutor, registers


def exported(suite: Suite, name: str) -> dict[str, float]:
    """The sum over all labels of each sample that one process exports."""
    answer = httpx.get(f"http://127.0.0.1:{suite.deployment.ports[name]}/metrics", trust_env=False)
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


async def test_a_lesson_that_was_booked_is_seen_in_the_metrics(suite: Suite, gateway: str, administrator: Person) -> None:
    before = {name: exported(suite, name) for name in (*SERVICES, GATEWAY)}
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    student = await registers(gateway)
    async with tutor.online():
        await student.books(tutor_id, (await student.sees_slots(tutor_id))[0]["start_time"])
        await tutor.notified_of("booking_requested")
        online = exported(suite, "notifications"), exported(suite, GATEWAY)
    after = {name: exported(suite, name) for name in (*SERVICES, GATEWAY)}

    assert (online[0]["edustream_sockets"], online[1]["edustream_gateway_websockets"]) == (1, 1)
    for name in ("auth", "profiles", "bookings", "notifications"):
        for metric in ("edustream_http_request_seconds_count", "edustream_events_published_total"):
            assert after[name][metric] > before[name].get(metric, 0), (name, metric)
    for metric in ("edustream_events_handled_total", "edustream_event_delay_seconds_count", "edustream_job_runs_total"):
        assert after["notifications"][metric] > before["notifications"].get(metric, 0), metric
    assert after[GATEWAY]["edustream_gateway_request_seconds_count"] > before[GATEWAY]["edustream_gateway_request_seconds_count"]
    for name in SERVICES:
        there = {"edustream_outbox_depth", "edustream_queue_depth", "edustream_dead_letters", "edustream_pool_in_use"}
        there |= {"edustream_database_connections", "edustream_database_connections_limit"}
        assert there <= after[name].keys(), name
