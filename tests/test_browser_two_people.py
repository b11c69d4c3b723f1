"""A visitor on a shop's page of another origin and an agent at the desk, in two browsers: from question to stars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.store_staff import add_staff
from tests.test_browser_desk import PASSWORD, agent
from tests.widget_visits import Shop, Visitor, authors, shop_of, visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def staffed(tmp_path: Path) -> Iterator[Shop]:
    with shop_of(tmp_path) as shop:
        add_staff(shop.store, "Aoife", PASSWORD, "admin")
        yield shop


def ask_for_a_person(there: Visitor) -> None:
    there.visit()
    there.ask("How long may I return a lamp?")
    there.answer()
    there.page.click("header .pill")
    there.page.click(".sheet .primary")
    expect(there.page.locator(".banner")).to_contain_text("You are next in line.", timeout=20_000)


def take_over_and_say(desk: Page, text: str) -> None:
    line = desk.locator(".list .line.waiting")  # comes without a reload
    expect(line).to_contain_text("How long may I return a lamp?", timeout=20_000)
    line.click()
    expect(desk.locator(".brief")).to_contain_text("How long may I return a lamp?")
    desk.click(".take_over")
    desk.fill(".write textarea", text)
    desk.press(".write textarea", "Control+Enter")


def test_asked_for_answered_live_through_reload_and_lost_net_closed_and_rated(browser: Browser, staffed: Shop) -> None:
    with visitor(browser, staffed) as there, agent(browser, staffed.server) as desk:
        page = there.page
        ask_for_a_person(there)
        take_over_and_say(desk.page, "Hello, this is Aoife.")
        expect(page.locator(".row.person:not(.types)")).to_contain_text("this is Aoife", timeout=20_000)
        expect(page.locator(".banner")).to_contain_text("You are talking to Aoife.")

        page.reload()
        expect(page.locator(".row")).to_have_count(3, timeout=20_000)
        expect(page.locator(".banner")).to_contain_text("You are talking to Aoife.")
        there.ask("It arrived broken.")
        expect(desk.page.locator(".bubble.customer").last).to_contain_text("arrived broken", timeout=20_000)

        page.context.set_offline(True)
        desk.page.fill(".write textarea", "A new one is on its way.")
        desk.page.click(".send")
        there.ask("Thank you!")
        expect(page.locator(".row.customer .after")).to_contain_text("could not reach", timeout=20_000)
        page.context.set_offline(False)
        expect(page.locator(".row.person:not(.types)")).to_have_count(2, timeout=40_000)
        expect(page.locator(".row.customer .after")).to_have_count(0, timeout=40_000)
        expect(desk.page.locator(".bubble.customer").last).to_contain_text("Thank you!", timeout=20_000)
        assert page.locator(".row.customer").count() == 3 and page.locator(".row.assistant").count() == 1

        desk.page.click(".btn.close")
        desk.page.click(".desk-ask .primary")
        page.click(".star >> nth=4", timeout=20_000)
        page.fill(".rate textarea", "Quick and kind")
        page.click(".rate .primary")
        expect(page.locator(".rate .after")).to_contain_text("noted")
        ended = staffed.store.find_conversations()[0]
        assert (ended.state, ended.satisfaction, ended.satisfaction_comment) == ("closed", 5, "Quick and kind")
        assert (ended.resolved, ended.site) == (True, staffed.site.key)
        assert sorted(authors(staffed)) == ["assistant", "customer", "customer", "customer", "person", "person"]


def test_given_back_the_assistant_answers_again(browser: Browser, staffed: Shop) -> None:
    with visitor(browser, staffed) as there, agent(browser, staffed.server) as desk:
        ask_for_a_person(there)
        take_over_and_say(desk.page, "One moment.")
        expect(there.page.locator(".row.person:not(.types)")).to_have_count(1, timeout=20_000)
        desk.page.click(".give_back")
        expect(there.page.locator(".banner")).to_be_empty(timeout=20_000)
        there.ask("And how long for plants?")
        there.answer(2)


def test_the_agent_sees_who_writes_and_what_the_page_says_of_them(browser: Browser, staffed: Shop) -> None:
    staffed.host.queue = """
        window.AssistantWidget = function () { (AssistantWidget.q ||= []).push(arguments); };
        AssistantWidget("setAttributes", { plan: "gold" });
    """
    with visitor(browser, staffed) as there, agent(browser, staffed.server) as desk:
        ask_for_a_person(there)
        take_over_and_say(desk.page, "Hello!")
        expect(there.page.locator(".row.person:not(.types)")).to_have_count(1, timeout=20_000)
        there.page.locator(".box textarea").press_sequentially("My lamp")
        expect(desk.page.locator(".typing")).to_be_visible(timeout=20_000)
        expect(desk.page.locator(".side")).to_contain_text("gold")


def test_a_long_conversation_is_read_backwards_page_by_page(browser: Browser, staffed: Shop) -> None:
    chat = staffed.store.create_conversation(channel="web").id
    for number in range(130):
        staffed.store.add_customer_message(chat, f"Line {number}")
    staffed.store.request_person(chat, "asked_for_person")
    with agent(browser, staffed.server) as desk:
        desk.page.locator(".list .line.waiting").click()
        expect(desk.page.locator(".bubble")).to_have_count(100)
        expect(desk.page.locator(".bubble").last).to_be_in_viewport()
        desk.page.click(".earlier")
        expect(desk.page.locator(".bubble")).to_have_count(130)
        expect(desk.page.locator(".earlier")).to_have_count(0)
        expect(desk.page.locator(".bubble").first).to_contain_text("Line 0")
        staffed.store.add_customer_message(chat, "And one more")
        expect(desk.page.locator(".bubble").last).to_contain_text("And one more", timeout=20_000)
        assert desk.page.locator(".bubble").count() == 131
