"""A revoked token dies at the gateway, at every service, and on open sockets, without anybody asking for it.

It takes some 50 ms; `pytest -s` prints how long. The bound is wider than the second we promise, because a machine may be busy."""

import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from deploy.local.suite import Suite
from tests.e2e.people import PASSWORD, Person, registers
from tests.waiting import eventually

pytestmark = pytest.mark.xdist_group("e2e")

PATIENCE = 5.0  # seconds
SERVICES = {
    "auth": "/auth/me",
    "bookings": "/api/bookings",
    "messaging": "/api/messages/threads",
    "notifications": "/api/notifications",
    "profiles": "/api/students/favorites",
}
Act = Callable[[Person, Person], Awaitable[object]]


async def logout_all(person: Person, _administrator: Person) -> object:
    answer = await person.client.post("/auth/logout-all")
    assert answer.is_success, answer.text
    return answer


async def change_password(person: Person, _administrator: Person) -> object:
    body = {"current_password": PASSWORD, "new_password": "another password"}
    answer = await person.client.post("/auth/change-password", json=body)
    assert answer.is_success, answer.text
    return answer


async def change_role(person: Person, administrator: Person) -> object:
    return await administrator.call("PUT", f"/api/admin/users/{person.id}", json={"role": "tutor"})


async def deactivate(person: Person, administrator: Person) -> object:
    return await administrator.call("PUT", f"/api/admin/users/{person.id}", json={"is_active": False})


async def delete(person: Person, administrator: Person) -> object:
    return await administrator.call("DELETE", f"/api/admin/users/{person.id}", 204)


@pytest.mark.parametrize("act", [logout_all, change_password, change_role, deactivate, delete])
async def test_the_old_token_dies_everywhere_soon(suite: Suite, gateway: str, administrator: Person, act: Act) -> None:
    person = await registers(gateway)
    old = {"Authorization": f"Bearer {person.token}"}
    addresses = [gateway + SERVICES["auth"]]
    addresses += [f"http://127.0.0.1:{suite.deployment.ports[name]}{path}" for name, path in SERVICES.items()]

    async with httpx.AsyncClient(headers=old, timeout=10, trust_env=False) as client, person.online() as socket:
        for address in addresses:
            assert (await client.get(address)).status_code == 200, address
        await act(person, administrator)
        since = time.monotonic()

        async def dead() -> bool:
            return {(await client.get(address)).status_code for address in addresses} == {401}

        await eventually(dead, PATIENCE)
        print(f"{act.__name__}: dead everywhere after {time.monotonic() - since:.3f} s")
        assert await socket.closes() == 4401
