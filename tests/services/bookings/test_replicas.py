"""What other services say: taken in once and in any order, and asked for before anybody is refused."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from shared.events.auth import UserChanged, UserSnapshot
from shared.events.profiles import TutorSnapshot
from tests.harness import INTERNAL_TOKEN, Harness
from tests.services.bookings.people import (
    a_student,
    a_tutor,
    account,
    deactivated,
    in_days,
    next_id,
    purged,
    request,
    rows,
    tutor_event,
)


class Owner:
    """Auth and profiles at their internal paths. Only the way there is replaced, not the client."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.is_down = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == f"Bearer {INTERNAL_TOKEN}"
        self.asked.append(request.url.path)
        if self.is_down:
            raise httpx.ConnectError("down")
        found = self.answers.get(request.url.path)
        return httpx.Response(200, json=found.model_dump(mode="json")) if found else httpx.Response(404, json={"detail": "-"})

    def knows_tutor(self, tutor_id: int, user_id: int, version: int, **changes: Any) -> None:
        snapshot = TutorSnapshot.model_validate(tutor_event(tutor_id, user_id, version, **changes).model_dump())
        self.answers[f"/internal/tutors/{tutor_id}"] = self.answers[f"/internal/tutors/of-user/{user_id}"] = snapshot


@pytest.fixture
def owner(service: Harness) -> Iterator[Owner]:
    owner, owners = Owner(), service.app.state.owners
    neighbours = (owners._auth, owners._profiles)
    before = [neighbour._client for neighbour in neighbours]
    for neighbour, client in zip(neighbours, before, strict=True):
        neighbour._client = httpx.AsyncClient(
            transport=httpx.MockTransport(owner), base_url="http://owner", headers=client.headers
        )
        neighbour._failures, neighbour._closed_until = 0, 0.0
    yield owner
    for neighbour, client in zip(neighbours, before, strict=True):
        neighbour._client = client
        neighbour._failures, neighbour._closed_until = 0, 0.0


async def test_a_tutor_of_whom_nothing_was_heard_is_asked_for_and_booked(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    tutor.id = next_id()
    owner.knows_tutor(tutor.id, tutor.user_id, 1)

    booking = await student.books(tutor, in_days(3))

    assert booking["status"] == "PENDING"
    assert owner.asked == [f"/internal/tutors/{tutor.id}"]


async def test_whoever_was_just_approved_is_booked(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service, status="pending_approval"), await a_student(service)
    owner.knows_tutor(tutor.id, tutor.user_id, 9)

    assert (await student.asks(tutor, in_days(3))).status_code == 201


async def test_a_calendar_that_lags_is_asked_for_before_a_time_is_refused(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service, windows=[]), await a_student(service)
    owner.knows_tutor(tutor.id, tutor.user_id, 9)

    assert (await student.asks(tutor, in_days(3))).status_code == 201


async def test_slots_that_lag_are_asked_for(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service, windows=[]), await a_student(service)
    owner.knows_tutor(tutor.id, tutor.user_id, 9)
    day = in_days(3).date()

    answer = await student.client.get(f"/api/tutors/{tutor.id}/available-slots?start_date={day}&end_date={day}")

    assert len(answer.json()) == 48


async def test_when_the_owner_says_the_same_the_refusal_counts(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service, status="rejected"), await a_student(service)
    owner.knows_tutor(tutor.id, tutor.user_id, tutor.version, status="rejected")

    answer = await student.asks(tutor, in_days(3))

    assert (answer.status_code, answer.json()["code"]) == (404, "tutor_not_found")
    assert len(owner.asked) == 1


async def test_an_owner_that_is_down_leaves_the_replica_to_decide(service: Harness, owner: Owner) -> None:
    owner.is_down = True
    tutor, student = await a_tutor(service), await a_student(service)
    unknown = next_id()

    assert (await student.asks(tutor, in_days(3))).status_code == 201
    tutor.id = unknown
    assert (await student.asks(tutor, in_days(3))).status_code == 404


async def test_what_can_be_booked_is_booked_without_asking_anybody(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    await student.books(tutor, in_days(3))

    assert owner.asked == []


async def test_an_unknown_student_is_asked_for_and_named(service: Harness, owner: Owner) -> None:
    tutor, user_id = await a_tutor(service), next_id()
    owner.answers[f"/internal/users/{user_id}"] = UserSnapshot(**account(user_id, first_name="Nora", last_name="New"))

    await service.person(user_id).post("/api/bookings", json=request(tutor, in_days(3)))

    (event,) = await service.outbox("bookings.booking.requested.v1")
    assert event["data"]["student_name"] == "Nora New"


async def test_a_student_nobody_knows_yet_is_named_as_soon_as_auth_is_heard(service: Harness, owner: Owner) -> None:
    owner.is_down = True
    tutor, user_id = await a_tutor(service), next_id()
    await service.person(user_id).post("/api/bookings", json=request(tutor, in_days(3)))

    await service.deliver(UserChanged(**account(user_id, first_name="Nora", last_name="New")))

    (row,) = (await tutor.client.get("/api/bookings?role=tutor")).json()["bookings"]
    assert row["student_name"] == "Nora New"


async def test_a_new_tutor_offers_a_package_at_once(service: Harness, owner: Owner) -> None:
    tutor_id, user_id = next_id(), next_id()
    owner.knows_tutor(tutor_id, user_id, 1, status="incomplete")
    body = {"name": "Five", "session_count": 5, "price": 200}

    known = await service.person(user_id, "tutor").post("/api/packages", json=body)
    unknown = await service.person(next_id(), "tutor").post("/api/packages", json=body)

    assert (known.status_code, known.json()["tutor_profile_id"]) == (201, tutor_id)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_tutor_profile")


async def test_a_price_in_another_currency_than_was_heard_of_is_taken(service: Harness, owner: Owner) -> None:
    tutor = await a_tutor(service, currency="JPY", hourly_rate=Decimal(3000))
    owner.knows_tutor(tutor.id, tutor.user_id, 9, currency="USD")

    offered = await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 199.99})

    assert (offered.status_code, offered.json()["currency"]) == (201, "USD")


@pytest.mark.parametrize("path", ["/api/bookings", "/api/packages/{}/purchase"])
async def test_a_student_who_was_just_activated_again_is_served(service: Harness, owner: Owner, path: str) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    path, body = path.format(package["id"]), request(tutor, in_days(3))
    await deactivated(service, student.user_id)

    early = await student.client.post(path, json=body)
    owner.answers[f"/internal/users/{student.user_id}"] = UserSnapshot(**account(student.user_id, version=3))
    served = await student.client.post(path, json=body)

    assert (early.status_code, early.json()["code"]) == (403, "account_inactive")
    assert served.status_code == 201, served.text


async def test_an_older_version_changes_nothing(service: Harness) -> None:
    tutor, student = await a_tutor(service, hourly_rate=Decimal(50)), await a_student(service)

    await service.deliver(tutor_event(tutor.id, tutor.user_id, 1, hourly_rate=Decimal(10)))
    await service.deliver(UserChanged(**account(student.user_id, version=0, first_name="Older")))

    assert (await student.books(tutor, in_days(3)))["price_student"] == 50.0
    assert [r["first_name"] for r in await rows(service, "SELECT first_name FROM accounts WHERE version = 1 AND id = %(id)s",
                                                id=student.user_id)] == ["Jane"]  # fmt: skip


async def test_looking_at_a_purged_tutor_does_not_purge_again(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.client.post(f"/api/tutor/bookings/{booking['id']}/decline")
    await purged(service, tutor.user_id, "tutor")
    said = account(tutor.user_id, "tutor", 9, first_name="Deleted", last_name="user", is_active=False, purged=True)
    owner.answers[f"/internal/users/{tutor.user_id}"] = UserSnapshot(**said)
    await rows(service, "UPDATE bookings SET reason = 'left' WHERE id = %(id)s RETURNING id", id=booking["id"])

    assert (await service.client().get(f"/api/tutors/{tutor.id}/reviews")).status_code == 404

    assert owner.asked[-1] == f"/internal/users/{tutor.user_id}"
    assert await rows(service, "SELECT reason FROM bookings") == [{"reason": "left"}]


async def test_a_package_of_a_tutor_who_was_just_approved_is_bought(service: Harness, owner: Owner) -> None:
    tutor, student = await a_tutor(service, status="pending_approval"), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    path = f"/api/packages/{package['id']}/purchase"

    early = await student.client.post(path)
    owner.knows_tutor(tutor.id, tutor.user_id, 9)
    bought = await student.client.post(path)

    assert (early.status_code, early.json()["code"]) == (404, "tutor_not_found")
    assert (bought.status_code, bought.json()["credits_remaining"]) == (201, 5)
