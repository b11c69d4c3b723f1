"""Whom the widget serves and what it shows, in a real Chromium: hostile pages, texts, visitors and frames."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import Browser, expect

from assistant.conversation import Citation
from tests.host_pages import host_pages
from tests.storing import REPLY
from tests.test_browser_chat import OWN_PAYLOADS, PAYLOADS
from tests.widget_visits import QUESTION, Shop, assert_harmless, shop_of, visitor

pytestmark = pytest.mark.browser


def test_a_hostile_page_gets_one_sentence_and_no_conversation(browser: Browser, shop: Shop) -> None:
    with host_pages(shop.server, "127.0.0.1") as evil, browser.new_context() as window:
        evil.attributes = {"site-key": shop.site.key}
        page = window.new_page()
        page.goto(evil.url)
        page.click(".launcher")
        page.fill(".box textarea", QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_timeout(1500)
        assert page.locator(".row.assistant:not([aria-busy])").count() == 0
        assert shop.store.find_conversations() == []


def test_no_text_of_anybody_can_run_or_load_anything(browser: Browser, tmp_path: Path) -> None:
    payloads = list(OWN_PAYLOADS)
    if PAYLOADS.exists():
        payloads += PAYLOADS.read_text("utf-8").splitlines()
    with shop_of(tmp_path, requests_per_minute=5000) as shop, visitor(browser, shop) as there:
        there.visit()
        there.ask("hi")
        there.answer()
        conversation = shop.store.find_conversations()[0].id
        for at in range(0, len(payloads), 10):
            text = "\n\n".join(payloads[at : at + 10])
            question = shop.store.add_customer_message(conversation, text)[0]
            name = payloads[at][:100]
            citation = Citation(
                "doc", "gone#0", text, title=name, path=name, heading_path=(name, "x"), url="javascript:alert(1)"
            )
            shop.store.add_reply(conversation, question.id, replace(REPLY, text=text, citations=(citation,)))
            shop.store.add_person_message(conversation, text, name)
        there.page.reload()
        page = there.page
        expect(page.locator(".row")).to_have_count(2 + 3 * (-(-len(payloads) // 10)), timeout=20_000)
        for chip in page.locator(".chip").all()[-3:]:
            chip.click()
            page.wait_for_selector(".sheet .file")
            assert_harmless(page, ".sheet")
            page.keyboard.press("Escape")
        assert_harmless(page, ".row")
        page.wait_for_timeout(300)  # whatever would load or run by itself has had its chance
        assert page.locator("main").inner_text().startswith("A shop")


def test_a_signed_visitor_is_known_and_another_one_sees_nothing_of_it(browser: Browser, shop: Shop) -> None:
    def signed(who: str, number: int) -> str:
        now, secret = int(time.time()), shop.site.secrets[0]
        claims = {"sub": who, "aud": shop.site.key, "iat": now, "exp": now + 300, "jti": f"{who}-{number}"}
        return jwt.encode(claims, secret.value, algorithm="HS256", headers={"kid": secret.id})

    shop.host.attributes["visitor-token"] = signed("mei", 1)
    with visitor(browser, shop) as there:
        there.visit()
        there.ask()
        there.answer()
        assert shop.store.find_conversations()[0].customer_id == "mei"
        shop.host.attributes["visitor-token"] = signed("mei", 2)
        there.page.reload()
        there.answer()
        shop.host.attributes["visitor-token"] = signed("tom", 1)
        there.page.reload()
        expect(there.page.locator(".welcome")).to_be_visible()
        assert there.page.locator(".row").count() == 0


def test_the_iframe_variant_grows_talks_and_is_framed_by_its_own_site_only(browser: Browser, shop: Shop) -> None:
    shop.host.attributes["mode"] = "iframe"
    with visitor(browser, shop) as there:
        there.page.goto(shop.host.url)
        frame = there.page.frame_locator("iframe")
        frame.locator(".launcher").click()
        expect(there.page.locator("iframe")).to_have_class(re.compile("open"))
        frame.locator(".box textarea").fill(QUESTION)
        frame.locator(".box textarea").press("Enter")
        expect(frame.locator(".row.assistant:not([aria-busy]) strong")).to_have_text("return", timeout=20_000)
        there.page.evaluate("AssistantWidget('close')")
        expect(there.page.locator("iframe")).not_to_have_class(re.compile("open"))
    with host_pages(shop.server, "127.0.0.1") as evil, browser.new_context() as window:
        evil.attributes = shop.host.attributes
        page = window.new_page()
        page.goto(evil.url)
        page.wait_for_timeout(1000)
        assert page.frame_locator("iframe").locator(".launcher").count() == 0


def test_commands_given_early_are_obeyed_and_events_tell_no_words(browser: Browser, shop: Shop) -> None:
    shop.host.queue = """
        window.AssistantWidget = function () { (AssistantWidget.q ||= []).push(arguments); };
        window.heard = [];
        for (const name of ["ready", "open", "close", "message", "state", "unread"])
          addEventListener("assistant:" + name, (event) => heard.push([name, event.detail]));
        AssistantWidget("on", "message", (detail) => heard.push(["on", detail]));
        AssistantWidget("setAttributes", { plan: "gold", visits: 3 });
        AssistantWidget("setLocale", "zh");
        AssistantWidget("open");
    """
    with visitor(browser, shop) as there:
        there.visit(open=False)
        expect(there.page.locator(".hello")).to_contain_text("您好")
        there.ask()
        there.answer()
        heard = there.page.evaluate("heard")
        assert [name for name, _ in heard if name != "on"][:2] == ["open", "ready"]
        messages = [detail for name, detail in heard if name == "message"]
        assert [detail["author"] for detail in messages] == ["customer", "assistant"]
        assert all(set(detail) == {"author", "id"} for detail in messages) and ["on", messages[0]] in heard
        there.page.evaluate("AssistantWidget('reset'); AssistantWidget('close')")
        expect(there.page.locator(".panel")).to_be_hidden()
        with pytest.raises(Exception, match="there is no command"):
            there.page.evaluate("AssistantWidget('constructor')")
