"""The chat page in a real Chromium with a queued model: answers, sources, lost connections, reloads, hostile text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.conversation import Citation
from assistant.store import Store
from tests.browsing import Visit, visiting
from tests.chatting import chat_site
from tests.storing import REPLY
from tests.web import EndlessEngine, eventually
from ui.identity import new_token

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
PAYLOADS = Path(os.environ.get("ASSISTANT_DATA") or ROOT / "../shared/data") / "security" / "xss_payloads.txt"
GOOD = "You can **return** lamps within 30 days."
OWN_PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](  JaVa&#x53;cript:alert(1))",
    "![x](https://tracker.example/x.png)",
    '[x](https://a.example "onmouseover=alert(1)")',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} `${alert(1)}`",
    "</textarea><img src=x onerror=alert(1)>",
    "<style>@import 'https://tracker.example/x.css'</style>",
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Store]]:
    with chat_site(tmp_path, EndlessEngine(GOOD, pause=0.05)) as served:
        yield served


def remember(visit: Visit, store: Store) -> str:
    """A conversation that this visitor's browser already knows."""
    token, token_hash = new_token()
    conversation = store.create_conversation(channel="web", token_hash=token_hash)
    memory = f'{{"conversation": "{conversation.id}", "token": "{token}"}}'
    visit.page.add_init_script(f"localStorage.setItem('assistant.conversation', '{memory}')")
    return conversation.id


def test_an_answer_streams_and_its_source_opens(browser: Browser, site: tuple[str, Store]) -> None:
    with visiting(browser, site[0]) as visit:
        visit.open()
        page = visit.page
        visit.watch()
        visit.ask("How long may I return a lamp?")
        answer = visit.answer()
        seen = visit.seen()
        assert seen["dots"] and len(set(seen["lengths"])) > 1, seen
        expect(answer.locator(".text strong")).to_have_text("return")
        answer.locator(".chip").first.click()
        source = page.locator("dialog.source")
        expect(source.locator("h2")).to_have_text("Returns")
        expect(source.locator(".place")).to_have_text("How long you have")
        expect(source.locator("mark").first).to_contain_text("You can")
        page.keyboard.press("Escape")
        expect(source).to_be_hidden()
        expect(answer.locator(".chip").first).to_be_focused()


def test_a_stopped_answer_frees_the_engine_and_can_be_tried_again(browser: Browser, tmp_path: Path) -> None:
    engine = EndlessEngine(GOOD + " You can return lamps within 30 days." * 60, pause=0.05)
    with chat_site(tmp_path, engine) as (url, store), visiting(browser, url) as visit:
        visit.open()
        visit.ask("How long may I return a lamp?")
        visit.page.wait_for_selector(".row.pending .text p")
        visit.page.click(".go")
        eventually(lambda: engine.running == 0, 2)
        expect(visit.page.locator(".note")).to_contain_text("Stopped.")
        engine.reply = GOOD
        visit.page.click(".note .link")
        expect(visit.answer().locator(".text")).to_have_text("You can return lamps within 30 days.")
        conversation = store.find_conversations()[0]
        assert [m.author for m in store.messages(conversation.id)] == ["customer", "assistant"]


def test_a_closed_window_frees_the_engine(browser: Browser, tmp_path: Path) -> None:
    engine = EndlessEngine(GOOD * 200, pause=0.05)
    with chat_site(tmp_path, engine) as (url, _), visiting(browser, url) as visit:
        visit.open()
        visit.ask("How long may I return a lamp?")
        visit.page.wait_for_selector(".row.pending .text p")
        visit.page.close()
        eventually(lambda: engine.running == 0, 2)


def test_a_lost_connection_is_one_sentence_with_a_retry(browser: Browser, site: tuple[str, Store]) -> None:
    with visiting(browser, site[0]) as visit:
        visit.open()
        visit.page.route("**/gradio_api/**", lambda route: route.abort())
        visit.ask("How long may I return a lamp?")
        visit.page.wait_for_selector(".note.problem", timeout=15_000)
        expect(visit.page.locator(".note.problem span")).to_have_text("I could not reach the server.")
        visit.page.fill(".box textarea", "And what about plants")
        visit.page.unroute("**/gradio_api/**")
        visit.page.click(".note .link")
        visit.answer()
        assert visit.page.locator(".row.customer").count() == 1
        expect(visit.page.locator(".box textarea")).to_have_value("And what about plants")


def test_an_answer_that_was_cut_off_comes_by_itself_when_the_connection_is_back(
    browser: Browser, site: tuple[str, Store]
) -> None:
    url, store = site
    with visiting(browser, url) as visit:
        visit.open()
        visit.page.route("**/queue/data*", lambda route: route.abort())
        visit.ask("How long may I return a lamp?")
        visit.page.wait_for_event("request", lambda request: "queue/data" in request.url)
        visit.page.unroute("**/queue/data*")
        visit.answer()
        conversation = store.find_conversations()[0]
        assert [m.author for m in store.messages(conversation.id)] == ["customer", "assistant"]


def test_history_rating_and_waiting_survive_a_reload(browser: Browser, site: tuple[str, Store]) -> None:
    url, store = site
    with visiting(browser, url) as visit:
        visit.open()
        page = visit.page
        visit.ask("How long may I return a lamp?")
        answer = visit.answer()
        answer.hover()
        answer.locator(".thumb.down").click()
        page.fill(".comment textarea", "And plants?")
        page.click(".comment .primary")
        page.wait_for_selector("text=we have noted it")
        page.click(".ask-person")
        expect(page.locator("dialog.person")).to_contain_text("one working day")
        page.click("dialog.person .primary")
        expect(page.locator(".banner")).to_contain_text("A colleague has been asked")
        page.reload()
        expect(visit.answer().locator(".thumb.down")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".banner")).to_contain_text("A colleague has been asked")
        conversation = store.find_conversations()[0]
        store.add_person_message(conversation.id, "Hello, this is Aoife.", "Aoife")
        expect(page.locator(".row.person")).to_contain_text("Hello, this is Aoife.", timeout=10_000)
        page.click("button[aria-label='New conversation']")
        page.wait_for_selector(".welcome")
        page.reload()
        page.wait_for_selector(".welcome")
        assert page.locator(".row").count() == 0


def test_a_remembered_id_without_its_token_shows_nothing(browser: Browser, site: tuple[str, Store]) -> None:
    url, store = site
    conversation = store.create_conversation(channel="web", token_hash=new_token()[1])
    store.add_customer_message(conversation.id, "my secret order")
    with visiting(browser, url) as visit:
        memory = f'{{"conversation": "{conversation.id}", "token": "guess"}}'
        visit.page.add_init_script(f"localStorage.setItem('assistant.conversation', '{memory}')")
        visit.open()
        expect(visit.page.locator(".welcome")).to_be_visible()
        assert "my secret order" not in visit.page.content()


def test_two_people_are_answered_at_the_same_time(browser: Browser, tmp_path: Path) -> None:
    engine = EndlessEngine(GOOD + " You can return lamps." * 20, pause=0.05)
    with (
        chat_site(tmp_path, engine) as (url, _),
        visiting(browser, url) as one,
        visiting(browser, url) as other,
    ):
        for visit in (one, other):
            visit.open()
        for visit in (one, other):
            visit.ask("How long may I return a lamp?")
        for visit in (one, other):
            visit.page.wait_for_selector(".row.pending .text p")
        assert engine.running == 2
        for visit in (one, other):
            visit.answer()


def test_no_text_of_anybody_can_run_or_load_anything(browser: Browser, site: tuple[str, Store]) -> None:
    url, store = site
    payloads = list(OWN_PAYLOADS)
    if PAYLOADS.exists():
        payloads += PAYLOADS.read_text("utf-8").splitlines()[::20]
    with visiting(browser, url) as visit:
        conversation = remember(visit, store)
        for at in range(0, len(payloads), 5):
            text = "\n\n".join(payloads[at : at + 5])
            question = store.add_customer_message(conversation, text)[0]
            name = payloads[at][:100]
            citation = Citation(
                "doc", "gone#0", text, title=name, path=name, heading_path=(name, "x"), url="javascript:alert(1)"
            )
            store.add_reply(conversation, question.id, replace(REPLY, text=text, citations=(citation,)))
            store.add_person_message(conversation, text, name)
        visit.open()
        page = visit.page
        for chip in page.locator(".chip").all()[-4:]:
            chip.click()
            page.wait_for_selector("dialog.source .file")
            assert_harmless(page, "dialog.source")
            page.keyboard.press("Escape")
        assert page.locator(".row").count() >= 3 * len(OWN_PAYLOADS) // 5
        assert_harmless(page, ".row")
        page.wait_for_timeout(300)  # whatever would load or run by itself has had its chance


def assert_harmless(page: Page, where: str) -> None:
    """No element that loads or runs, no handler, no link but to the web and to mail."""
    assert page.locator(where).locator(":is(img, script, iframe, style, link, object, embed, form, input)").count() == 0
    names = page.locator(f"{where} *").evaluate_all("nodes => nodes.flatMap(node => node.getAttributeNames())")
    assert [name for name in names if name.startswith("on") or name in ("src", "srcdoc", "style")] == []
    targets = page.locator(f"{where} a").evaluate_all("nodes => nodes.map(node => node.protocol)")
    assert set(targets) <= {"http:", "https:", "mailto:"}


def test_a_text_that_is_too_long_stays_whole_and_is_not_sent(browser: Browser, site: tuple[str, Store]) -> None:
    with visiting(browser, site[0]) as visit:
        visit.open()
        text = "Where is my parcel? " * 250
        visit.ask(text)
        expect(visit.page.locator(".box textarea")).to_have_value(text)
        expect(visit.page.locator(".box .go")).to_be_disabled()
        expect(visit.page.locator(".fine")).to_contain_text("below 4000 characters")
        visit.ask("How long may I return a lamp?")
        visit.answer()
        assert [m.author for m in site[1].messages(site[1].find_conversations()[0].id)] == ["customer", "assistant"]
