"""The administrators' page in a real browser, on the real suite: signed in, looked at, worked with."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, Route, expect

from deploy.local.processes import SERVICES
from tests.browser import watch
from tests.e2e.conftest import ADMIN, ADMIN_PASSWORD
from tests.e2e.people import Person, registers
from tests.waiting import eventually


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

    async with page.expect_response("**/auth/logout") as signed_out:
        await sign_in(page, student.email, "password123")

    assert (await signed_out.value).ok, "the session that nobody asked for lives on"
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
    await expect(page.locator("main section:first-child tbody tr")).to_have_count(1)
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

    await expect(page.locator("main tbody tr")).to_have_count(len(SERVICES) + 1)  # and the gateway
    await expect(page.get_by_text("ready", exact=True)).to_have_count(len(SERVICES) + 1)
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


async def test_what_reporting_cannot_tell_leaves_the_rest_to_be_seen(page: Page) -> None:
    _strangers, errors = watch(page)
    for silent in ("**/api/admin/dashboard/stats", "**/api/admin/dashboard/system", "**/api/health/integrity*"):
        await page.route(
            silent, lambda route: route.fulfill(status=503, json={"detail": "Reporting is away.", "code": "unavailable"})
        )

    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await expect(page.locator("main .problem")).to_have_text("Reporting is away.")
    await expect(page.locator("main section.card")).to_have_count(6)

    await page.click("nav >> text=System")
    await expect(page.get_by_text("ready", exact=True)).to_have_count(len(SERVICES) + 1)  # as the gateway sees them
    await page.get_by_role("button", name="Compare", exact=True).click()
    await expect(page.locator("section:last-child .problem")).to_have_text("Reporting is away.")
    await expect(page.get_by_text("Comparing every replica")).to_have_count(0)
    assert errors == []


async def test_the_log_is_paged_filtered_and_saved(page: Page, gateway: str, administrator: Person) -> None:
    person = await registers(gateway)
    for number in range(51):
        await administrator.call("PUT", f"/api/admin/users/{person.id}", json={"last_name": f"Number {number}"})
    only = {"target_type": "user", "target_id": person.id}
    await eventually(lambda: _is_long(administrator, only))
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await page.click("nav >> text=Audit")
    await page.select_option("select[name=target_type]", "user")
    await page.fill("input[name=target_id]", str(person.id))
    await page.click("text=Show")
    await expect(page.get_by_text("Audit log (51)")).to_be_visible()

    await expect(page.get_by_text("page 1 of 2")).to_be_visible()
    await page.get_by_role("button", name="Older").click()
    await expect(page.get_by_text("page 2 of 2")).to_be_visible()
    await expect(page.locator("main tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Newer").click()
    await expect(page.locator("main tbody tr")).to_have_count(50)

    async with page.expect_download() as saving:
        await page.get_by_role("button", name="CSV", exact=True).click()
    saved = await saving.value
    assert saved.suggested_filename == "audit-log.csv"
    assert len(lines_of(await saved.path())) == 52


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def _is_long(administrator: Person, only: dict[str, Any]) -> bool:
    answer = await administrator.client.get("/api/audit/logs", params=only)
    return answer.headers["x-total-count"] == "51"


async def test_somebody_is_deleted_and_restored(page: Page, gateway: str) -> None:
    person = await registers(gateway)
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await page.click("nav >> text=Users")
    await page.fill("input[name=search]", person.email)
    await page.click("text=Show")
    page.on("dialog", lambda dialog: dialog.accept())

    await page.locator("main section:first-child tr", has_text=person.email).get_by_text("Delete").click()
    deleted = page.locator("main section:last-child tr", has_text=person.email)
    await expect(deleted).to_have_count(1)
    await expect(page.get_by_text("Nobody was found.")).to_be_visible()
    await deleted.get_by_text("Restore").click()

    await expect(page.get_by_text(f"{person.email} was restored")).to_be_visible()
    await expect(page.locator("main section:first-child tr", has_text=person.email)).to_have_count(1)


async def test_what_was_searched_for_is_not_lost_to_a_click_in_what_is_still_shown(page: Page, gateway: str) -> None:
    sought, deleted = await registers(gateway), await registers(gateway)
    clicked = asyncio.Event()

    async def late(route: Route) -> None:
        await clicked.wait()
        await route.continue_()

    await page.route(f"**/api/admin/users?*search={quote(sought.email)}*", late)
    page.on("dialog", lambda dialog: dialog.accept())
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await page.click("nav >> text=Users")
    await page.fill("input[name=search]", sought.email)
    await page.click("text=Show")
    await page.locator("main section:first-child tr", has_text=deleted.email).get_by_text("Delete").click()
    await expect(page.get_by_text(f"{deleted.email} was deleted")).to_be_visible()
    clicked.set()

    await expect(page.locator("main section:first-child tbody tr")).to_have_count(1)
    await expect(page.locator("input[name=search]")).to_have_value(sought.email)


async def test_whoever_signs_out_is_out_also_after_a_reload(page: Page) -> None:
    await page.goto("/admin/")
    await expect(page.locator("#sign-in")).to_be_visible()
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await expect(page.locator(".tiles .card")).to_have_count(6)
    async with page.expect_response("**/auth/logout") as signed_out:
        await page.click("#sign-out")

    assert (await signed_out.value).ok
    await page.reload()
    await expect(page.locator("#sign-in")).to_be_visible()
    await expect(page.locator("#office")).to_be_hidden()


@pytest.mark.parametrize("section", ["overview", "tutors", "users", "audit", "system"])
async def test_a_telephone_at_night_shows_all_without_scrolling_sideways(browser: Browser, gateway: str, section: str) -> None:
    telephone = await browser.new_context(
        base_url=gateway, viewport={"width": 375, "height": 700}, color_scheme="dark", is_mobile=True, has_touch=True
    )
    page = await telephone.new_page()
    _strangers, errors = watch(page)
    await sign_in(page, ADMIN, ADMIN_PASSWORD)
    await expect(page.locator("main > *").first).to_be_visible()
    await page.click(f"nav >> text={section}")
    await expect(page.locator(f"nav a[href='#{section}'][aria-current=page]")).to_be_visible()
    await expect(page.locator("main > *").first).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    ground = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert sum(int(part) for part in re.findall(r"\d+", ground)[:3]) < 150, "it is bright"
    assert errors == []
    await telephone.close()
