"""The widget in a real Chromium, on a strict page of another origin: asking, reloading, losing the net."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web import EndlessEngine, eventually
from tests.widget_visits import GOOD, Shop, authors, shop_of, visitor

pytestmark = pytest.mark.browser


def test_an_answer_streams_with_sources_and_is_rated(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        page = there.page
        expect(page.locator(".welcome .reply")).to_have_count(2)
        there.ask()
        page.wait_for_selector(".row.assistant[aria-busy] .dots")
        page.wait_for_selector(".row.assistant[aria-busy] .text p")
        answer = there.answer()
        expect(answer.locator(".text strong")).to_have_text("return")
        answer.locator(".chip").click()
        expect(page.locator(".sheet mark").first).to_contain_text("You can")
        page.keyboard.press("Escape")
        expect(page.locator(".sheet")).to_have_count(0)
        expect(answer.locator(".chip")).to_be_focused()
        answer.locator(".thumb.down").click()
        page.fill(".comment textarea", "And plants?")
        page.click(".comment .primary")
        expect(answer.locator(".after")).to_contain_text("Thank you")
        conversation = shop.store.find_conversations()[0]
        assert (conversation.site, conversation.channel) == (shop.site.key, "widget")
        assert shop.store.messages(conversation.id)[1].rating == -1


def test_everything_is_there_after_a_reload(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        there.page.reload()
        expect(there.page.locator(".panel")).to_be_visible()
        there.answer()
        there.ask("Thank you")
        there.answer(2)
        assert there.page.locator(".row").count() == 4
        assert authors(shop) == ["customer", "assistant"] * 2


def test_a_reload_in_the_middle_of_an_answer_loses_and_doubles_nothing(browser: Browser, tmp_path: Path) -> None:
    with shop_of(tmp_path, EndlessEngine(GOOD, pause=0.3)) as shop, visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.page.wait_for_selector(".row.assistant[aria-busy] .text p")
        there.page.reload()
        there.answer()
        assert there.page.locator(".row.customer").count() == 1
        eventually(lambda: shop.engine.running == 0, 3)
        assert authors(shop) == ["customer", "assistant"]


def test_offline_and_back(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        there.page.context.set_offline(True)
        there.ask("And plants?")
        expect(there.page.locator(".row.customer .after")).to_contain_text("could not reach")
        there.page.wait_for_timeout(800)
        there.page.context.set_offline(False)
        there.answer(2)
        expect(there.page.locator(".row.customer .after")).to_have_count(0)
        assert authors(shop) == ["customer", "assistant"] * 2


def test_a_server_that_restarts_is_found_again(browser: Browser, tmp_path: Path) -> None:
    """The same address answers nothing, then errors, then again: as through a proxy while the server restarts."""
    with shop_of(tmp_path) as shop, visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        there.page.route(
            "**/api/v1/**", lambda route: route.fulfill(status=503, json={"error": {"code": "unavailable"}})
        )
        there.ask("And plants?")
        expect(there.page.locator(".row.customer .after")).to_be_visible()
        there.page.unroute("**/api/v1/**")
        there.answer(2)
        assert authors(shop) == ["customer", "assistant"] * 2


def test_a_text_that_is_too_long_stays_whole_and_is_not_sent(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        page, text = there.page, "Where is my parcel? " * 250
        field = page.locator(".composer textarea")
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value(text)
        expect(page.locator(".composer .go")).to_be_disabled()
        expect(page.locator(".composer [role=status]")).to_contain_text("below 4000 characters")
        field.fill("Where is my parcel?")
        expect(page.locator(".composer [role=status]")).not_to_contain_text("4000")
        field.press("Enter")
        there.answer()
        assert authors(shop) == ["customer", "assistant"]
