"""Purged people: nothing that they wrote or chose stays."""

from datetime import UTC, datetime, timedelta

from services.profiles.jobs import drop_empty_counts, fold_counts
from shared.events.auth import UserPurged, UserSnapshot
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import account, admin, approved, registers, subject
from tests.services.profiles.test_photos import picture

NOW = datetime.now(UTC)


async def test_a_purged_tutor_leaves_nothing_behind(service: Harness) -> None:
    tutor = await approved(service, first_name="Secretive", bio="My bio is mine.")
    await tutor.call("PUT", "/api/tutors/me/education", json={"education": [{"degree": "My degree"}]})
    exception = {"start_date": str(NOW.date() + timedelta(days=9)), "reason": "My operation"}
    key = {"Idempotency-Key": "my-operation"}
    await tutor.call("POST", "/api/tutors/availability/exceptions", 201, json=exception, headers=key)

    said = len(await service.outbox())

    gone = account(tutor.user_id, "tutor", 9, first_name="Deleted", last_name="user", purged=True, is_active=False)
    await service.deliver(UserPurged(**gone))
    runtime = Runtime(service.app.state.settings, service.database)
    await fold_counts(runtime)
    await drop_empty_counts(runtime)

    async with service.database.reading() as tx:
        tables = ("accounts", "tutors", "days_off", "documents", "vocabulary", "word_changes", "idempotency_keys")
        rows = [r for table in tables for r in await tx.rows(f"SELECT * FROM {table}")]
    assert not [word for word in ("Secretive", "My bio", "My degree", "operation", "secretive") if word in str(rows)]
    [told] = (await service.outbox())[said:]
    assert (told["data"]["name"], told["data"]["title"]) == ("Deleted user", None)


async def test_a_purged_tutor_teaches_nothing_at_no_time_and_no_price(service: Harness) -> None:
    made = await subject(service)
    tutor = await approved(service, [made])
    exception = {"start_date": str(NOW.date() + timedelta(days=9))}
    await tutor.call("POST", "/api/tutors/availability/exceptions", 201, json=exception)

    await service.deliver(UserPurged(**account(tutor.user_id, "tutor", 9, purged=True, is_active=False)))

    told = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]
    assert (told["subjects"], told["windows"], told["days_off"]) == ([], [], [])
    assert (told["hourly_rate"], told["timezone"]) == (None, "UTC")
    await admin(service).call("DELETE", f"/api/subjects/{made}", 204)
    async with service.database.reading() as tx:
        assert await tx.value("SELECT experience_years FROM tutors") == 0


async def test_the_photo_of_a_purged_tutor_is_deleted(service: Harness) -> None:
    tutor = await approved(service)
    await tutor.call("PATCH", "/api/tutors/me/photo", files={"file": ("me.png", picture(), "image/png")})

    await service.deliver(UserSnapshot(**account(tutor.user_id, "tutor", 9, purged=True, is_active=False)))

    async with service.database.reading() as tx:
        assert [row["photo_name"] for row in await tx.rows("SELECT photo_name FROM tutors")] == [None]
        assert len(await tx.rows("SELECT name FROM stale_photos")) == 1


async def test_a_purged_student_leaves_nothing_behind(service: Harness) -> None:
    student, tutor = await registers(service), await approved(service)
    await student.call("PATCH", "/api/profile/student/me", json={"bio": "My bio", "phone": "+12025550123"})
    await student.call("POST", f"/api/students/favorites/{tutor.tutor_id}", 201)

    gone = account(student.user_id, "student", 9, first_name="Deleted", last_name="user", purged=True, is_active=False)
    await service.deliver(UserPurged(**gone))

    async with service.database.reading() as tx:
        profile = (await tx.rows("SELECT * FROM student_profiles"))[0]
        assert (profile["bio"], profile["phone"]) == (None, None)
        assert await tx.rows("SELECT * FROM favourites") == []
