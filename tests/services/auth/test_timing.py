"""Nobody learns from the clock which addresses have an account."""

import statistics
import time

from services.auth.routes.passwords import SAME_TIME
from tests.harness import Harness
from tests.services.auth.people import account, login

SAMPLES = 12
BOUND = 1.5  # generous: what it guards against, no hashing for unknown addresses, is a factor of ten


async def test_a_wrong_password_and_an_unknown_address_take_alike(service: Harness) -> None:
    for number in range(SAMPLES):
        await account(service, f"known{number}@example.com")
    times: dict[str, list[float]] = {"known": [], "unknown": []}

    for number in range(SAMPLES):  # in turns, so that whatever else the machine does touches both alike
        for kind, measured in times.items():
            started = time.perf_counter()
            answer = await login(service, f"{kind}{number}@example.com", "wrong password")
            measured.append(time.perf_counter() - started)
            assert answer.status_code == 401

    # The quickest are the least disturbed; the medians guard against a difference in how often, not how long.
    for measure in (min, statistics.median):
        assert 1 / BOUND < measure(times["known"]) / measure(times["unknown"]) < BOUND


async def test_asking_for_a_mail_takes_alike(service: Harness) -> None:
    await account(service, "known@example.com")
    times: dict[str, list[float]] = {"known": [], "unknown": []}

    for _ in range(5):
        for kind, measured in times.items():
            started = time.perf_counter()
            await service.client().post("/auth/forgot-password", json={"email": f"{kind}@example.com"})
            measured.append(time.perf_counter() - started)

    assert min(*times["known"], *times["unknown"]) >= SAME_TIME
    assert abs(statistics.median(times["known"]) - statistics.median(times["unknown"])) < 0.05
