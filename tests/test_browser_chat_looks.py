"""How the web chat looks and feels in a real Chromium: contrast and labels, in both languages, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from assistant.store import Store
from tests.browsing import visiting
from tests.chatting import chat_site
from tests.web import EndlessEngine
from tests.widget_visits import WCAG

pytestmark = pytest.mark.browser

AT_REST = (
    "() => Promise.all(document.getAnimations().filter(a => a.effect.getComputedTiming().iterations !== Infinity)"
    ".map(a => a.finished.catch(() => null)))"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Store]]:
    with chat_site(tmp_path, EndlessEngine("You can **return** lamps within 30 days.")) as found:
        yield found


def found_wrong(page: Page) -> list[str]:
    """What axe-core finds once nothing fades in any more, and whether the page is wider than its window."""
    page.evaluate(AT_REST)
    found = Axe().run(page, options=WCAG).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]] + ["too wide"] * wide


@pytest.mark.parametrize(
    ("scheme", "width", "locale"),
    [("light", 1440, "en-GB"), ("dark", 1440, "zh-CN"), ("light", 360, "zh-CN"), ("dark", 360, "en-GB")],
)
def test_axe_finds_nothing_from_the_greeting_to_the_end(
    browser: Browser, site: tuple[str, Store], scheme: Any, width: int, locale: str
) -> None:
    url, store = site
    size: Any = {"width": width, "height": 740}
    with visiting(browser, url, bypass_csp=True, color_scheme=scheme, viewport=size, locale=locale) as visit:
        page = visit.page  # axe itself needs what the page forbids
        visit.open()
        page.wait_for_selector(".welcome")
        wrong = {"greeting": found_wrong(page)}
        visit.ask("How long may I return a lamp?")
        answer = visit.answer()
        wrong["answer"] = found_wrong(page)
        answer.locator(".thumb.down").click()
        page.wait_for_selector("form.comment")
        wrong["rating"] = found_wrong(page)
        answer.locator(".chip").click()
        page.wait_for_selector("dialog.source mark")
        wrong["source"] = found_wrong(page)
        page.keyboard.press("Escape")
        page.click(".ask-person")
        page.wait_for_selector("dialog.person .primary")
        wrong["person"] = found_wrong(page)
        page.click("dialog.person .primary")
        page.wait_for_selector(".contact")
        wrong["waiting"] = found_wrong(page)
        store.close_conversation(store.find_conversations()[0].id)
        expect(page.locator(".satisfaction .star")).to_have_count(5, timeout=20_000)
        wrong["end"] = found_wrong(page)
        assert wrong == {name: [] for name in wrong}


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_text_can_be_read(
    browser: Browser, site: tuple[str, Store], width: int, scheme: Any
) -> None:
    with visiting(
        browser, site[0], viewport={"width": width, "height": 740}, color_scheme=scheme, reduced_motion="reduce"
    ) as visit:
        visit.open()
        visit.ask("How long may I return a " + "very" * 60 + " long lamp?")
        visit.answer()
        sizes = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert sizes[0] <= sizes[1]
        paper, ink = visit.page.evaluate(
            "[getComputedStyle(document.querySelector('.chat')).backgroundColor,"
            " getComputedStyle(document.querySelector('.row.assistant .text')).color]"
        )
        dark_paper, dark_ink = (sum(map(int, re.findall(r"\d+", c)[:3])) < 384 for c in (paper, ink))
        assert dark_paper == (scheme == "dark") and dark_ink != dark_paper


def test_everything_can_be_reached_with_the_keyboard_and_focus_is_seen(
    browser: Browser, site: tuple[str, Store]
) -> None:
    with visiting(browser, site[0]) as visit:
        visit.open()
        visit.ask("How long may I return a lamp?")
        visit.answer()
        seen = set()
        visit.page.evaluate("document.activeElement.blur()")
        for _ in range(12):
            visit.page.keyboard.press("Tab")
            name, outline = visit.page.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.getAttribute('aria-label') ?? e.textContent, s.outlineStyle]; })()"
            )
            seen.add(name)
            if name != "Your message" and visit.page.evaluate("document.activeElement !== document.body"):
                assert outline != "none", name
        assert {"Talk to a person", "New conversation", "Helpful", "Not helpful", "Your message"} <= seen


def test_chinese_browsers_get_chinese_words_and_may_switch(browser: Browser, site: tuple[str, Store]) -> None:
    with visiting(browser, site[0], locale="zh-CN") as visit:
        visit.open()
        expect(visit.page.locator(".welcome h2")).to_contain_text("您好")
        visit.page.click("button[lang=en]")
        expect(visit.page.locator(".welcome h2")).to_contain_text("Hello")
        visit.page.reload()
        expect(visit.page.locator(".welcome h2")).to_contain_text("Hello")
