"""The administrators' page in a real browser, on the real suite: signed in, looked at, worked with."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local.processes import SERVICES
from tests.browser import watch
from tests.e2e.conftest import ADMIN, ADMIN_PASSWORD
from tests.e2e.people import Person, registers

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.fixture
async def page(browser: Browser, gateway: str) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=gateway, viewport={"width": 1280, "height": 900})
    yield await context.new_page()
    await context.close()


async def sign_in(page: Page, email: str, password: str) -> None:
    await page.goto("/admin")
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", password)
    await page.click("#sign-in button")


async def applicant(gateway: str, first_name: str) -> Person:
    tutor = await registers(gateway, "tutor", first_name)
    await tutor.fills_profile()
    await tutor.call("POST", "/api/tutors/me/submit")
    return tutor


async def test_nobody_but_an_administrator_gets_in(page: Page, gateway: str) -> None:
    student = await registers(gateway)

    await sign_in(page, student.email, "password123")

    await expect(page.locator("#sign-in .problem")).to_be_visible()
    await expect(page.locator("#office")).to_be_hidden()


async def test_an_administrator_sees_and_decides(page: Page, gateway: str, administrator: Person) -> None:
    strangers, errors = watch(page)
    name = "A" + re.sub("[^a-z]", "", uuid4().hex)
    approved, rejected = await applicant(gateway, f"{name}x"), await applicant(gateway, f"{name}y")

    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await expect(page.locator(".tiles .card")).to_have_count(6)
    await expect(page.locator("main svg").nth(2)).to_be_visible()

    await page.click("nav >> text=Tutors")
    await page.locator("tr", has_text=f"{name}x").get_by_text("Approve").click()
    await expect(page.get_by_text("was approved")).to_be_visible()
    await page.locator("tr", has_text=f"{name}y").get_by_text("Reject").click()
    await page.fill("textarea", "Please say more about your lessons.")
    await page.click("text=Go on")
    await expect(page.get_by_text("was rejected")).to_be_visible()
    assert (await approved.get("/api/tutors/me/profile"))["profile_status"] == "approved"
    assert (await rejected.get("/api/tutors/me/profile"))["profile_status"] == "rejected"

    await page.click("nav >> text=Users")
    await page.fill("input[name=search]", approved.email)
    await page.click("text=Show")
    await expect(page.locator("main tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Deactivate").click()
    await expect(page.get_by_text(f"{approved.email} was deactivated")).to_be_visible()
    found = await administrator.get("/api/admin/users", search=approved.email)
    assert [user["is_active"] for user in found["items"]] == [False]

    await page.click("nav >> text=Audit")
    await page.fill("input[name=action_type]", "user_deactivated")
    await page.click("text=Show")
    await expect(page.locator("main tbody tr", has_text=f"user {approved.id}")).to_have_count(1)
    assert (strangers, errors) == ([], [])


async def test_the_state_of_every_service_is_shown_and_replicas_are_compared(page: Page) -> None:
    _strangers, errors = watch(page)
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await page.click("nav >> text=System")

    await expect(page.locator("main tbody tr")).to_have_count(len(SERVICES))
    await expect(page.get_by_text("ready", exact=True)).to_have_count(len(SERVICES))
    await page.get_by_role("button", name="Compare", exact=True).click()
    await expect(page.get_by_text("replicas compared")).to_be_visible(timeout=60_000)
    assert errors == []


async def test_a_name_that_is_markup_is_shown_as_it_was_written(page: Page, gateway: str) -> None:
    _strangers, errors = watch(page)
    person = await registers(gateway, "student", "Bold")
    await person.call("PUT", "/auth/me", json={"first_name": "<img src=x onerror=alert(1)>", "last_name": "Lee"})
    await sign_in(page, ADMIN, ADMIN_PASSWORD)

    await page.click("nav >> text=Users")
    await page.fill("input[name=search]", person.email)
    await page.click("text=Show")

    await expect(page.locator("main tbody tr", has_text=person.email)).to_contain_text("<img src=x onerror=alert(1)> Lee")
    assert errors == []


async def test_events_are_shown_to_outside_teams(page: Page) -> None:
    strangers, errors = watch(page)

    await page.goto("/asyncapi#bookings.booking.confirmed.v1")

    await expect(page.locator("details[open]").first).to_contain_text("bookings.booking.confirmed.v1")
    assert (strangers, errors) == ([], [])
