"""How the desk looks and feels in a real Chromium: contrast and labels on every page, nothing that sticks out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from assistant.mood import Mood
from assistant.store import Store
from assistant.store_desk import add_note, save_draft
from assistant.store_moods import record_mood
from assistant.store_staff import add_staff
from assistant.store_tickets import add_ticket
from assistant.tables import HandOverRow, now
from assistant.tables_learning import RunRow, RunStepRow
from tests.chatting import chat_site
from tests.storing import REPLY, ask
from tests.web import EndlessEngine
from tests.widget_visits import WCAG

pytestmark = pytest.mark.browser

PASSWORD = "lamps and leaves"
CHECKS = [
    {
        "name": "log-likelihood a token",
        "against": "base",
        "outcome": outcome,
        "words": f"{outcome}: +1.5 (+1.2 to +1.8)",
    }
    for outcome in ("passed", "failed", "unsure", "not measured")
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A desk with something on every page: one who waits long, one review, a ticket, a cycle, figures."""
    home: Path = tmp_path_factory.mktemp("desk")
    with chat_site(home, EndlessEngine("Thirty days.")) as (url, store):
        add_staff(store, "Aoife", PASSWORD, "admin")
        fill(store)
        yield url


def fill(store: Store) -> None:
    chat = store.create_conversation(channel="widget", customer_id="Mei", language="en").id
    reply = store.add_reply(chat, ask(store, chat, "How long may I return a lamp?").id, REPLY)
    store.rate(reply.id, -1, "it is broken")
    question = ask(store, chat, "It arrived broken!")
    record_mood(store, question.id, Mood("negative", 0.9, 0.9))
    store.request_person(chat, "anger")
    save_draft(store, question.id, REPLY)
    add_note(store, chat, "Ben", "be generous")
    add_ticket(store, chat, "mei@example.org", "Please call back", "Mei")
    with store.writing() as session:
        for row in session.scalars(select(HandOverRow)):
            row.requested_at = now() - timedelta(minutes=30)
        run = RunRow(
            trigger="schedule",
            state="finished",
            decision="refused",
            result={"reasons": ["it invents", CHECKS[1]["words"]]},
        )
        session.add(run)
        session.flush()
        session.add(RunStepRow(run_id=run.id, name="gate", position=0, state="done", result={"checks": CHECKS}, log=""))


def log_in(page: Page, url: str) -> None:
    page.goto(f"{url}/desk/")
    page.fill("[name=name]", "Aoife")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_selector(".list .line")


def show(page: Page, number: int) -> None:
    page.locator(".tab-container button[role=tab]:visible").nth(number).click()


def found_wrong(page: Page) -> list[str]:
    """What axe-core finds, and whether the page is wider than its window."""
    found = Axe().run(page, options=WCAG).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]] + ["too wide"] * wide


@pytest.mark.parametrize(
    ("scheme", "width", "locale"), [("light", 1440, "en-GB"), ("dark", 360, "zh-CN"), ("dark", 800, "en-GB")]
)
def test_axe_finds_nothing_on_any_page(browser: Browser, desk: str, scheme: Any, width: int, locale: str) -> None:
    size: Any = {"width": width, "height": 800}
    with browser.new_context(bypass_csp=True, color_scheme=scheme, viewport=size, locale=locale) as window:
        page = window.new_page()  # axe itself needs what the page forbids
        page.goto(f"{desk}/desk/login")
        wrong = {"login": found_wrong(page)}
        log_in(page, desk)
        wrong["inbox"] = found_wrong(page)
        page.locator(".list .line").first.click()
        page.locator(".facts").first.click()
        page.wait_for_selector(".trace .fact")
        wrong["conversation"] = found_wrong(page)
        show(page, 1)
        page.wait_for_selector(".review-card")
        page.keyboard.press("t")
        page.wait_for_selector(".editor")
        wrong["review"] = found_wrong(page)
        show(page, 2)
        page.locator("details.run summary").click()
        page.wait_for_selector(".story h3")
        wrong["training"] = found_wrong(page)
        show(page, 3)
        page.wait_for_selector(".tabitem svg.marks[aria-label]")
        expect(page.locator(".tabitem svg.marks")).to_have_count(5)
        wrong["insights"] = found_wrong(page)
        assert wrong == {name: [] for name in wrong}


def test_who_waits_long_stands_out_with_reason_and_mood(browser: Browser, desk: str) -> None:
    with browser.new_context(locale="en-GB") as window:
        page = window.new_page()
        log_in(page, desk)
        line = page.locator(".list .line.waiting")
        expect(line.locator("time.late")).to_have_text(re.compile(r"waits 3\d min"))
        expect(line).to_contain_text("It arrived broken!")
        expect(line.locator(".tag.mood")).to_have_text(["unhappy", "urgent"])


def test_charts_and_verdicts_speak_the_reader_s_language(browser: Browser, desk: str) -> None:
    with browser.new_context(locale="zh-CN") as window:
        page = window.new_page()
        log_in(page, desk)
        show(page, 2)
        page.locator("details.run summary").click()
        expect(page.locator("td .tag")).to_have_text(["通过", "未通过", "无法区分", "未测量"])
        expect(page.locator("details.run li").last).to_contain_text("人工回复的似然 (未训练的基础模型): 未通过")
        show(page, 3)
        expect(page.locator(".tabitem svg.marks[aria-label='对话与转人工']")).to_be_visible(timeout=30_000)
        expect(page.locator(".tabitem svg.marks[aria-label='客户消息的情绪']")).to_contain_text("不满")
