"""Visitor and agent in two browsers: asked for, taken over, answered live, closed, rated; nothing written executes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.store import Store
from assistant.store_approvals import approvals
from assistant.store_desk import add_note, save_draft
from assistant.store_staff import add_staff, disable_staff
from assistant.store_tickets import add_ticket
from tests.browsing import Visit, visiting
from tests.chatting import chat_site
from tests.storing import REPLY, ask
from tests.web import EndlessEngine

pytestmark = pytest.mark.browser

GOOD = "You can **return** lamps within 30 days."
PASSWORD = "lamps and leaves"
PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)><script>alert(1)</script>",
    "[x](javascript:alert(1)) ![x](https://tracker.example/x.png)",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} `${alert(1)}`",
    "</textarea></style><img src=x onerror=alert(1)>",
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Store]]:
    with chat_site(tmp_path, EndlessEngine(GOOD)) as (url, store):
        add_staff(store, "Aoife", PASSWORD, "admin")
        add_staff(store, "Ben", PASSWORD)
        yield url, store


@contextmanager
def agent(browser: Browser, url: str, name: str = "Aoife") -> Iterator[Visit]:
    """A member of staff, logged in at the desk."""
    with visiting(browser, f"{url}/desk/") as visit:
        visit.page.goto(visit.url)
        expect(visit.page).to_have_url(re.compile("/desk/login$"))
        visit.page.fill("[name=name]", name)
        visit.page.fill("[name=password]", PASSWORD)
        visit.page.click("button")
        visit.page.wait_for_selector(".desk .view")
        yield visit


def open_first(page: Page, view: int = 0) -> None:
    """The first conversation of a tab of the inbox."""
    page.locator(".view").nth(view).click()
    page.locator(".list .line").first.click()
    page.wait_for_selector(".bubble")


def test_a_visitor_is_answered_by_an_agent_and_rates_the_conversation(
    browser: Browser, site: tuple[str, Store]
) -> None:
    url, store = site
    with visiting(browser, url) as visitor, agent(browser, url) as desk:
        visitor.open()
        visitor.ask("How long may I return a lamp?")
        visitor.answer()
        visitor.page.click(".ask-person")
        visitor.page.click("dialog.person .primary")
        expect(visitor.page.locator(".banner")).to_contain_text("You are next in line.")

        line = desk.page.locator(".list .line.waiting")  # comes without a reload
        expect(line).to_contain_text("asked for a person", timeout=8000)
        line.click()
        expect(desk.page.locator(".brief")).to_contain_text("How long may I return a lamp?")
        desk.page.locator(".facts").first.click()
        expect(desk.page.locator(".trace .hit").first).to_contain_text("Returns")
        desk.page.click(".take_over")
        desk.page.fill(".write textarea", "Hello, this is Aoife. How can I help?")
        desk.page.click(".send")
        expect(visitor.page.locator(".row.person:not(.types)")).to_contain_text("this is Aoife", timeout=10_000)

        visitor.ask("And how long for a broken lamp?")
        expect(desk.page.locator(".bubble.customer").last).to_contain_text("broken lamp", timeout=8000)
        expect(desk.page.locator(".draft .text")).to_contain_text("30 days", timeout=8000)
        desk.page.click(".draft .use")
        desk.page.press(".write textarea", "Control+Enter")
        expect(visitor.page.locator(".row.person:not(.types)")).to_have_count(2, timeout=10_000)
        assert visitor.page.locator(".row.assistant").count() == 1  # drafts never reach the visitor

        desk.page.click(".btn.close")
        desk.page.click(".desk-ask .primary")
        expect(visitor.page.locator(".satisfaction")).to_contain_text("How was this conversation?", timeout=10_000)
        visitor.page.locator(".star").nth(4).click()
        expect(visitor.page.locator(".satisfaction")).to_contain_text("Thank you")
        conversation = store.find_conversations()[0]
        assert (conversation.state, conversation.satisfaction, conversation.resolved) == ("closed", 5, True)


def test_agents_do_not_overwrite_each_other_and_a_disabled_one_is_out(
    browser: Browser, site: tuple[str, Store]
) -> None:
    url, store = site
    chat = store.create_conversation(channel="web").id
    ask(store, chat, "Hello?")
    store.request_person(chat, "asked_for_person")
    with agent(browser, url) as first, agent(browser, url, "Ben") as second:
        open_first(first.page)
        open_first(second.page)
        before = second.page.request.get(f"{url}/api/v1/staff/conversations/{chat}").text()
        stale = f"**/staff/conversations/{chat}"  # this page does not learn of the change in time
        second.page.route(stale, lambda route: route.fulfill(body=before, content_type="application/json"))
        first.page.click(".take_over")
        first.page.wait_for_selector(".write textarea:visible")
        second.page.click(".take_over")
        expect(second.page.locator(".desk-toast.bad").first).to_contain_text("Aoife")
        second.page.unroute(stale)
        expect(second.page.locator(".why")).to_contain_text("Aoife holds this conversation", timeout=8000)
        disable_staff(store, "Aoife")
        expect(first.page).to_have_url(re.compile("/desk/login$"), timeout=8000)
        assert store.conversation(chat).state == "waiting"


def test_nothing_others_wrote_executes_in_the_desk(browser: Browser, site: tuple[str, Store]) -> None:
    url, store = site
    for payload in PAYLOADS:
        chat = store.create_conversation(channel=payload[:60], customer_id=payload[:60], language=payload[:60]).id
        question = ask(store, chat, payload)
        reply = store.add_reply(chat, question.id, replace(REPLY, text=payload))
        store.rate(reply.id, -1, payload)
        store.request_person(chat, payload)
        store.take_over(chat, "Aoife")
        store.add_person_message(chat, payload, payload)
        save_draft(store, ask(store, chat, payload).id, replace(REPLY, text=payload))
        add_note(store, chat, payload, payload)
        add_ticket(store, chat, payload, payload, payload)
    with agent(browser, url) as desk:  # fails at the end if a dialog opened, a page failed or another host was asked
        page = desk.page
        for view in (1, 3):
            page.locator(".view").nth(view).click()
            expect(page.locator(".list .line")).to_have_count(len(PAYLOADS))
        page.locator(".view").nth(1).click()
        for number in range(len(PAYLOADS)):
            page.locator(".list .line").nth(number).click()
            page.wait_for_selector(".draft:visible")
            page.locator(".facts").first.click()
            page.wait_for_selector(".trace .fact")
            page.click(".draft .use")
        assert page.locator(".desk img, .desk svg, .desk script, .desk iframe").count() == 0
        page.get_by_role("tab", name="Review").click()
        expect(page.locator(".review-card")).to_have_count(len(PAYLOADS))
        assert page.locator(".review img, .review svg, .review script").count() == 0


def test_the_review_queue_is_cleared_with_the_keyboard(browser: Browser, site: tuple[str, Store]) -> None:
    url, store = site
    replies = []
    for _ in range(2):
        chat = store.create_conversation(channel="web").id
        question = ask(store, chat, "How long may I return?")
        replies.append(store.add_reply(chat, question.id, REPLY))
        store.rate(replies[-1].id, -1, "too short")
    with agent(browser, url) as desk:
        page = desk.page
        page.get_by_role("tab", name="Review").click()
        expect(page.locator(".review-card")).to_have_count(2)
        page.keyboard.press("a")
        expect(page.locator(".review-card")).to_have_count(1)
        page.keyboard.press("e")
        page.fill(".editor textarea", "You have thirty days, counted from delivery.")
        page.click(".editor .save")
        expect(page.locator(".review")).to_contain_text("Nothing to review")
    found = {approval.message_id: approval for approval in approvals(store)}
    assert {approval.by for approval in found.values()} == {"Aoife"}
    assert found[replies[1].id].corrected is None
    assert found[replies[0].id].corrected == "You have thirty days, counted from delivery."


def test_a_contact_form_is_offered_when_nobody_is_there(browser: Browser, tmp_path: Path) -> None:
    with chat_site(tmp_path, EndlessEngine(GOOD)) as (url, store), visiting(browser, url) as visitor:
        visitor.open()
        visitor.page.click(".ask-person")
        visitor.page.click("dialog.person .primary")
        expect(visitor.page.locator(".banner")).to_contain_text("Nobody is here right now")
        visitor.page.fill(".contact-address", "ann@example.org")
        visitor.page.fill(".contact-text", "Where is my lamp?")
        visitor.page.click(".contact button")
        expect(visitor.page.locator(".banner")).to_contain_text("We have your message")
        add_staff(store, "Aoife", PASSWORD)
        with agent(browser, url) as desk:
            desk.page.locator(".view").nth(3).click()
            expect(desk.page.locator(".ticket")).to_contain_text("ann@example.org")
            desk.page.get_by_role("button", name="Done").click()
            expect(desk.page.locator(".list")).to_contain_text("No open tickets")
