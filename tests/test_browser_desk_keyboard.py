"""The inbox of the desk by keyboard alone, in a real Chromium: arrows, Enter, and a focus that is seen and stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.store_staff import add_staff
from tests.chatting import chat_site
from tests.storing import ask
from tests.test_browser_desk import PASSWORD, agent
from tests.web import EndlessEngine

pytestmark = pytest.mark.browser


def standing_on(page: Page) -> str:
    """The words of what has the focus, which must be outlined."""
    text, outline = page.evaluate(
        "[document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"
    )
    assert outline != "none"
    return str(text)


def test_the_inbox_is_walked_and_opened_with_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    with chat_site(tmp_path, EndlessEngine("Thirty days.")) as (url, store):
        add_staff(store, "Aoife", PASSWORD)
        for text in ("First lamp", "Second lamp"):
            chat = store.create_conversation(channel="web").id
            ask(store, chat, text)
            store.request_person(chat, "asked_for_person")
        with agent(browser, url) as desk:
            page = desk.page
            expect(page.locator(".list .line")).to_have_count(2)
            page.focus(".inbox input[type=search]")
            page.keyboard.press("ArrowDown")
            assert "First lamp" in standing_on(page)
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            expect(page.locator(".bubble.customer")).to_contain_text("Second lamp")
            expect(page.locator(".line[aria-current=true]")).to_be_focused()
            page.keyboard.press("ArrowUp")
            assert "First lamp" in standing_on(page)
            page.keyboard.press("ArrowUp")
            expect(page.locator(".inbox input[type=search]")).to_be_focused()
            page.keyboard.press("Shift+Tab")
            assert "Waiting" in standing_on(page)
            page.keyboard.press("ArrowRight")
            expect(page.locator(".view[aria-selected=true]")).to_contain_text("Mine")
            expect(page.locator(".view[aria-selected=true]")).to_be_focused()
            store.create_conversation(channel="web")  # and the next refresh leaves it there
            ask(store, chat, "Anybody?")
            page.wait_for_timeout(1500)
            expect(page.locator(".view[aria-selected=true]")).to_be_focused()
