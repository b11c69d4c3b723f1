"""A person on the other end of the widget, in a real Chromium: asked for, answering, missing, saying goodbye."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from assistant.store_tickets import tickets
from tests.widget_visits import Shop, authors, visitor

pytestmark = pytest.mark.browser


def test_a_person_takes_over_types_answers_and_closes_and_is_rated(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        page = there.page
        there.ask()
        there.answer()
        page.click("header .pill")
        expect(page.locator(".sheet")).to_contain_text("one working day")
        page.click(".sheet .primary")
        expect(page.locator(".banner")).to_contain_text("A colleague has been asked")
        page.click("header .plain")  # the visitor closes the panel and waits
        conversation = shop.store.find_conversations()[0]
        shop.store.take_over(conversation.id, "Mei")
        shop.store.add_person_message(conversation.id, "Hello, this is **Mei**.", "Mei")
        expect(page.locator(".badge")).to_have_text("1", timeout=20_000)
        expect(page.locator(".launcher")).to_have_attribute("aria-label", "Open the chat, unread messages: 1")
        page.click(".launcher")
        expect(page.locator(".badge")).to_have_count(0)
        expect(page.locator(".row.person:not(.types)")).to_contain_text("Hello, this is Mei.")
        expect(page.locator(".banner")).to_contain_text("You are talking to Mei.")
        there.ask("Thank you")
        page.click(".fine .link")
        page.click(".star >> nth=4")
        page.fill(".rate textarea", "Very kind")
        page.click(".rate .primary")
        expect(page.locator(".rate .after")).to_contain_text("noted")
        ended = shop.store.conversation(conversation.id)
        assert (ended.state, ended.satisfaction, ended.satisfaction_comment) == ("closed", 5, "Very kind")
        assert authors(shop) == ["customer", "assistant", "person", "customer"]
        page.click(".closing .secondary")
        expect(page.locator(".welcome")).to_be_visible()


def test_when_nobody_is_there_a_message_can_be_left(browser: Browser, shop: Shop) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        there.page.click("header .pill")
        there.page.click(".sheet .primary")
        expect(there.page.locator(".banner")).to_contain_text("Nobody is here right now")
        there.page.fill(".contact input", "mei@example.org")
        there.page.fill(".contact textarea", "Is the lamp back?")
        there.page.click(".contact .primary")
        expect(there.page.locator(".contact")).to_contain_text("We have your message")
        assert [ticket.contact for ticket in tickets(shop.store)] == ["mei@example.org"]


# As over a slow line: each message leaves half a second after it was sent.
SLOW = """() => { const fast = window.fetch; window.fetch = (url, options) =>
  options?.method === "POST" && String(url).includes("/messages?")
    ? new Promise((go) => setTimeout(go, 500)).then(() => fast(url, options)) : fast(url, options); }"""


@pytest.mark.parametrize("held", [True, False])
def test_ending_right_after_sending_loses_nothing(browser: Browser, shop: Shop, held: bool) -> None:
    with visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        conversation = shop.store.find_conversations()[0].id
        if held:
            shop.store.take_over(conversation, "Mei")
            expect(there.page.locator(".banner")).to_contain_text("You are talking to Mei.", timeout=20_000)
        there.page.evaluate(SLOW)
        there.ask("Thank you")
        there.page.click(".fine .link")
        expect(there.page.locator(".closing")).to_be_visible(timeout=20_000)
        assert shop.store.conversation(conversation).state == "closed"
        assert [m.text for m in shop.store.messages(conversation) if m.author == "customer"][1:] == ["Thank you"]
