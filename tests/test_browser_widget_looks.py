"""How the widget looks and feels in a real Chromium: contrast, labels, keyboard, narrow and wide pages, long talks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.widget_visits import QUESTION, WCAG, Shop, Visitor, axe, shop_of, visitor

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en"), ("dark", "en"), ("light", "zh")])
def test_axe_finds_nothing(browser: Browser, shop: Shop, scheme: Any, locale: str) -> None:
    with browser.new_context(bypass_csp=True, color_scheme=scheme) as window:  # axe itself needs what the page forbids
        there = Visitor(window.new_page(), shop)
        shop.host.attributes |= {"accent": "#ffd54a", "locale": locale}  # a colour unreadable unless mended
        there.visit(open=False)
        looked_at = [axe(there.page)]
        there.page.click(".launcher")
        there.page.wait_for_selector(".welcome .reply" if locale == "en" else ".welcome")
        looked_at.append(axe(there.page))
        there.ask()
        there.answer().locator(".thumb.down").click()
        there.page.wait_for_selector(".comment")
        looked_at.append(axe(there.page))
        there.page.click(".chip")
        there.page.wait_for_selector("mark")
        looked_at.append(axe(there.page))
        there.page.keyboard.press("Escape")
        there.page.click("header .pill")
        there.page.wait_for_selector(".sheet .primary")
        looked_at.append(axe(there.page))
        there.page.click(".sheet .primary")
        there.page.wait_for_selector(".banner:not(:empty)")
        there.page.click(".fine .link")
        there.page.click(".star >> nth=1")
        there.page.wait_for_selector(".rate .comment")
        looked_at.append(axe(there.page))
        assert looked_at == [[]] * 6


def test_the_demo_page_is_accessible_and_obeys(browser: Browser, shop: Shop) -> None:
    with browser.new_context(bypass_csp=True) as window:
        page = window.new_page()
        page.goto(f"{shop.server}/widget/demo")
        page.click("button[data-command=open]")
        page.wait_for_selector(".panel:not([hidden]) .welcome")
        expect(page.locator("#events")).to_contain_text("open {}")
        page.click("button[data-value=zh]")
        expect(page.locator(".hello")).to_contain_text("您好")
        found = Axe().run(page, options=WCAG).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_everything_can_be_done_with_the_keyboard(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit(open=False)
        page = there.page
        active = "document.querySelector('assistant-widget').shadowRoot.activeElement"
        page.evaluate("document.querySelector('assistant-widget').shadowRoot.querySelector('.launcher').focus()")
        page.keyboard.press("Enter")
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        there.answer()
        seen = set()
        for _ in range(12):
            page.keyboard.press("Shift+Tab")
            name, outline = page.evaluate(
                f"(() => {{ const e = {active}; if (!e) return [null, '']; const s = getComputedStyle(e);"
                " return [e.getAttribute('aria-label') ?? e.textContent, s.outlineStyle]; })()"
            )
            if name:
                seen.add(name)
                assert outline != "none" or name == "Your message", name
        assert {"Talk to a person", "Close the chat", "Helpful", "Not helpful", "Conversation"} <= seen
        page.evaluate(f"{active}?.blur()")
        page.locator(".box textarea").focus()
        page.keyboard.press("Escape")
        expect(page.locator(".panel")).to_be_hidden()
        expect(page.locator(".launcher")).to_be_focused()


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_nothing_sticks_out_and_the_shops_style_stays_out(browser: Browser, shop: Shop, width: int) -> None:
    shop.host.direction = "rtl" if width == 800 else "ltr"
    with visitor(browser, shop, viewport={"width": width, "height": 740}) as there:
        there.visit()
        there.ask("How long may I return a " + "very" * 60 + " long lamp?")
        there.answer()
        box = there.page.locator(".panel").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] >= 0
        assert there.page.locator(".log").evaluate("log => log.scrollWidth <= log.clientWidth")
        full = width == 360
        assert (box["width"] == width) == full and (there.page.locator(".launcher").is_visible()) != full
        assert (box["x"] < width / 2 and not full) == (width == 800)  # mirrored where the page is
        size, colour = there.page.locator(".row.assistant .text").first.evaluate(
            "node => [getComputedStyle(node).fontSize, getComputedStyle(node).color]"
        )
        assert size == "15px" and colour != "rgb(255, 0, 0)"
        assert there.page.locator("h1").evaluate("node => getComputedStyle(node).color") == "rgb(255, 0, 0)"
        assert there.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_thousand_messages_stay_responsive(browser: Browser, tmp_path: Path) -> None:
    with shop_of(tmp_path, requests_per_minute=5000) as shop, visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        conversation = shop.store.find_conversations()[0].id
        for number in range(1998):
            shop.store.add_person_message(conversation, f"Line **{number}** of many.", "Mei")
        there.page.reload()
        expect(there.page.locator(".row")).to_have_count(2000, timeout=60_000)
        started = time.monotonic()
        there.page.fill(".box textarea", "x" * 200)
        there.page.keyboard.type("still quick")
        assert time.monotonic() - started < 2
        longest = there.page.evaluate(
            "new Promise((done) => { let worst = 0, last = performance.now(), n = 0;"
            " const log = document.querySelector('assistant-widget').shadowRoot.querySelector('.log');"
            " const step = () => { const now = performance.now(); worst = Math.max(worst, now - last); last = now;"
            " log.scrollTop -= 400; if (++n > 60) done(worst); else requestAnimationFrame(step); };"
            " requestAnimationFrame(step); })"
        )
        assert longest < 1000, longest
