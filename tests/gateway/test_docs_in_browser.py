"""The documentation in a real browser that can reach nothing but the gateway."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local import ports
from tests.browser import watch
from tests.gateway.conftest import Services, StartGateway
from tests.gateway.standin import Exchange
from tests.gateway.test_docs import document


@pytest.fixture
async def page(browser: Browser, start_gateway: StartGateway, services: Services) -> AsyncIterator[Page]:
    services["auth"].openapi = document("auth", "/auth/me", "/auth/login")
    services["profiles"].openapi = document("profiles", "/api/tutors")
    port = str(ports.choose())
    gateway = await start_gateway(EDUSTREAM_PORT=port, PUBLIC_URL=f"http://127.0.0.1:{port}")
    context = await browser.new_context(base_url=gateway.url)
    yield await context.new_page()
    await context.close()


async def test_swagger_shows_every_operation_and_can_try_one(page: Page, services: Services) -> None:
    strangers, errors = watch(page)

    async def sign_in(exchange: Exchange) -> None:
        form = await exchange.read_body()
        assert b"username=ann" in form
        await exchange.answer("200 OK", b'{"access_token": "a.b.c", "token_type": "bearer"}')

    services["auth"].on["/auth/login"] = sign_in
    await page.goto("/docs")
    await expect(page.locator(".opblock")).to_have_count(4)
    await page.locator(".btn.authorize").first.click()
    password = page.locator(".auth-container").nth(1)
    await password.locator("#oauth_username").fill("ann")
    await password.locator("#oauth_password").fill("secret")
    await password.locator("button.authorize").click()
    await expect(password.get_by_text("Logout")).to_be_visible()

    assert strangers == []
    assert errors == []


async def test_redoc_shows_every_operation(page: Page) -> None:
    strangers, errors = watch(page)
    await page.goto("/redoc")
    await expect(page.get_by_role("heading", name="EduStream").first).to_be_visible()
    for path in ("/auth/me", "/auth/login", "/api/tutors", "/health"):
        await expect(page.get_by_text(path).first).to_be_attached()

    assert strangers == []
    assert errors == []
