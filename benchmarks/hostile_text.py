"""Every payload of the data folder's XSS list, put everywhere others' text is shown: does one run, load or send?

    python -m benchmarks.hostile_text [--every 7] [--first 0]

With --every 7 each of the seven calls with --first 0 to 6 takes a few minutes, and together they try all.

The whole application with a model of its own words, real Chromium with the pages' own policies switched off, so that
nothing but our code stands between a payload and the page. Counted for each place: dialogs and page errors (something
ran), requests to any other host, and elements or attributes that could run or load. Any of them makes exit 1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Page

from assistant import store_desk
from assistant.conversation import Citation
from assistant.store import Store
from assistant.store_desk import add_note, save_draft
from assistant.store_sites import add_site, set_attributes
from assistant.store_staff import add_staff
from assistant.store_tickets import add_ticket, close_ticket
from benchmarks.development_sets import DATA
from tests.browsing import chromium
from tests.chatting import chat_site
from tests.host_pages import HostPages, host_pages
from tests.storing import REPLY
from tests.web import EndlessEngine

PASSWORD = "lamps and leaves"
MESSAGE, LINE, WAIT_MS = 8, 50, 150  # payloads in a message; conversations looked at together; time to misbehave
BAD = """(where) => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean)];
  const found = [];
  const boxes = roots.flatMap((root) => [...root.querySelectorAll(where)]);
  const nodes = boxes.flatMap((box) => [...box.querySelectorAll("*")]);
  const loading = ["IMG", "SCRIPT", "IFRAME", "STYLE", "LINK", "OBJECT", "EMBED", "VIDEO", "AUDIO", "BASE"];
  for (const node of nodes) {
    if (loading.includes(node.tagName))
      found.push(node.outerHTML);
    for (const name of node.getAttributeNames())
      if (/^on/.test(name) || ["src", "srcdoc", "style"].includes(name)) found.push(name + node.outerHTML);
    if (node.tagName === "A" && !["http:", "https:", "mailto:"].includes(node.protocol)) found.push(node.outerHTML);
  }
  return found.slice(0, 5);
}"""
# One source after the other, as a click would open it.
OPEN_SOURCES = """async () => {
  const root = document.querySelector("assistant-widget").shadowRoot;
  let opened = 0;
  for (const chip of root.querySelectorAll(".chip")) {
    chip.click();
    for (let n = 0; n < 400 && !root.querySelector(".sheet .file, .sheet .after"); n += 1)
      await new Promise((go) => setTimeout(go, 5));
    opened += root.querySelector(".sheet .file") ? 1 : 0;
    root.querySelector(".sheet .top button").click();
  }
  return opened;
}"""


@dataclass
class Watched:
    """What happened while pages were open, by place."""

    home: set[str]
    shown: Counter[str] = field(default_factory=Counter)
    ran: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dangerous: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note what the page does from now on."""
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.ran.append(str(error)))
        page.on("request", self._request)
        page.add_init_script("window.print = () => alert('print')")

    def _dialog(self, dialog: Dialog) -> None:
        self.ran.append(dialog.message)
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        host = urlsplit(request.url).netloc
        if host and host not in self.home:
            self.foreign.append(request.url)

    def look(self, page: Page, place: str, where: str, payloads: int) -> None:
        """Everything under `where` is harmless, and nothing happened by itself."""
        page.wait_for_timeout(WAIT_MS)
        self.dangerous += [f"{place}: {found}" for found in page.evaluate(BAD, where)]
        self.shown[place] += payloads


def batches(payloads: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Stretches of at most `size`."""
    for start in range(0, len(payloads), size):
        yield payloads[start : start + size]


def cited(payload: str, number: int) -> Citation:
    """A source whose title, file, headings, quote and link are the payload."""
    name = payload[:400]
    return Citation("doc", f"gone#{number}", payload, title=name, path=name, heading_path=(name,), url=payload[:2000])


def widget(browser: Browser, watched: Watched, store: Store, host: HostPages, payloads: Sequence[str]) -> None:
    """Bubbles of all three authors, source links, file names and names of persons."""
    with browser.new_context(bypass_csp=True) as window:
        page = window.new_page()
        watched.watch(page)
        page.goto(host.url)
        page.click(".launcher")
        page.fill(".box textarea", "hi")
        page.keyboard.press("Enter")
        page.wait_for_selector(".row.assistant:not([aria-busy])")
        chat = store.find_conversations()[0].id
        for part in batches(payloads, MESSAGE):
            text = "\n\n".join(part)[:7900]
            question = store.add_customer_message(chat, text)[0]
            sources = tuple(cited(payload, n) for n, payload in enumerate(part))
            store.add_reply(chat, question.id, replace(REPLY, text=text, citations=sources))
            for payload in part:
                store.add_person_message(chat, payload[:7900], payload[:100])
        page.reload()
        rows = 2 + 2 * -(-len(payloads) // MESSAGE) + len(payloads)
        page.wait_for_selector(f".row >> nth={rows - 1}", state="attached", timeout=180_000)
        watched.look(page, "bubble", ".row", len(payloads))
        watched.shown["person's name"] = len(payloads)
        opened = page.evaluate(OPEN_SOURCES)
        watched.look(page, "source link and file name", ".panel", opened)


def host_page(browser: Browser, watched: Watched, host: HostPages, payloads: Sequence[str]) -> None:
    """What a shop's page hands to the widget: title, greeting, attributes, words of its own commands."""
    kept = dict(host.attributes)
    with browser.new_context(bypass_csp=True) as window:
        page = window.new_page()
        watched.watch(page)
        for part in batches(payloads, LINE):
            host.attributes = kept | {
                "title": part[0],
                "greeting": "\n".join(part),
                "accent": part[0],
                "locale": part[0],
            }
            page.goto(host.url)
            page.wait_for_selector(".launcher", state="attached")
            page.evaluate(
                "(given) => given.forEach((value) => AssistantWidget('setAttributes', { [value]: value }))", part
            )
            page.evaluate("AssistantWidget('open')")
            page.wait_for_selector(".welcome")
            watched.look(page, "host page", "main, .root", len(part))
    host.attributes = kept


def talk_of(store: Store, part: Sequence[str], name: str) -> str:
    """A conversation in which every author, the brief, the draft and a note say the payloads."""
    text = "\n\n".join(part)[:7900]
    chat = store.create_conversation(channel=name[:60], customer_id=name[:200], language=name[:30]).id
    set_attributes(store, chat, {own[:60]: own[:300] for own in part})
    question = store.add_customer_message(chat, text)[0]
    trace = dict(REPLY.trace) | {"question": text[:2000]}
    sources = tuple(cited(payload, n) for n, payload in enumerate(part))
    reply = store.add_reply(chat, question.id, replace(REPLY, text=text, citations=sources, trace=trace, evidence=0.1))
    store.rate(reply.id, -1, text[:900])
    store.request_person(chat, name[:100])
    store.take_over(chat, "Aoife")
    store.add_person_message(chat, text, name[:100])
    last = store.add_customer_message(chat, text)[0]
    save_draft(store, last.id, replace(REPLY, text=text, citations=sources))
    add_note(store, chat, name[:100], text)
    return chat


def log_in(page: Page, url: str) -> None:
    """As the admin."""
    page.goto(f"{url}/desk/login")
    page.fill("[name=name]", "Aoife")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_selector(".desk .view")


def desk(browser: Browser, watched: Watched, store: Store, url: str, payloads: Sequence[str]) -> None:
    """Names in the inbox, conversations with trace and draft, tickets, review and insights."""
    with browser.new_context(bypass_csp=True) as window:
        page = window.new_page()
        watched.watch(page)
        log_in(page, url)
        for part in batches(payloads, 4 * LINE):
            chats = [talk_of(store, own, own[0]) for own in batches(part, MESSAGE)]
            names(page, watched, store, part)
            for chat in chats:
                conversation(page, watched, chat, MESSAGE)
            for tab, place, ready in ((1, "review", ".review-card"), (3, "insights", ".gap, .soft")):
                page.locator(".tab-container button[role=tab]:visible").nth(tab).click()
                page.wait_for_selector(f"{ready} >> visible=true")
                watched.look(page, place, ".gradio-container .review, .gradio-container .training", len(part))
            page.reload()
            page.wait_for_selector(".desk .view")
            for chat in chats:
                store_desk.close(store, chat, "Aoife")


def names(page: Page, watched: Watched, store: Store, part: Sequence[str]) -> None:
    """Every payload as a visitor's name: in the inbox and on a ticket."""
    held = [store.create_conversation(channel="widget").id for _ in part]  # each may leave few tickets
    tickets = [add_ticket(store, chat, own[:200], own, own[:200]) for chat, own in zip(held, part, strict=True)]
    page.locator(".view").nth(3).click()
    page.wait_for_selector(f".ticket >> nth={min(len(tickets), 100) - 1}", timeout=60_000)
    watched.look(page, "visitor's name (tickets)", ".desk", len(tickets))
    for ticket in tickets:
        close_ticket(store, ticket.id, "Aoife")
    for own in batches(part, LINE):
        for payload in own:
            chat = store.create_conversation(channel="widget", customer_id=payload[:200]).id
            store.add_customer_message(chat, payload[:7900])
        page.locator(".view").nth(2).click()
        page.locator(".desk input[type=search]").fill("")
        page.wait_for_selector(f".list .line >> nth={len(own) - 1}")
        page.wait_for_timeout(1500)  # the list is live
        watched.look(page, "visitor's name (inbox)", ".desk", len(own))


def conversation(page: Page, watched: Watched, chat: str, payloads: int) -> None:
    """One conversation, opened, with what the assistant knew."""
    page.evaluate("(id) => window.scrollTo(0, 0)", chat)
    line = page.locator(f'.line[data-id="{chat}"]')
    if not line.count():
        page.locator(".view").nth(1).click()
        line.wait_for(timeout=20_000)
    line.click()
    page.wait_for_selector(".draft:visible")
    page.locator(".facts").first.click()
    page.wait_for_selector(".trace .fact")
    watched.look(page, "conversation at the desk", ".desk", payloads)


@contextmanager
def opened() -> Iterator[tuple[str, Store, HostPages, Browser]]:
    """The application, a shop's page with the widget, and a browser."""
    limits: dict[str, Any] = {"requests_per_minute": 1_000_000, "messages_per_minute": 1_000_000}
    with (
        tempfile.TemporaryDirectory() as folder,
        chat_site(Path(folder), EndlessEngine("Thirty days."), **limits) as (url, store),
        host_pages(url) as host,
        chromium() as browser,
    ):
        host.attributes = {"site-key": add_site(store, "Shop", [host.url], [host.url]).key}
        add_staff(store, "Aoife", PASSWORD, "admin")
        yield url, store, host, browser


def main() -> None:
    """Print what happened as JSON; exit 1 if anything did."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="only every n-th payload")
    parser.add_argument("--first", type=int, default=0, help="the first payload to try, from 0")
    given = parser.parse_args()
    lines = (DATA / "security" / "xss_payloads.txt").read_text("utf-8").splitlines()
    payloads = [line for line in lines if line.strip()][given.first :: given.every]
    started = time.monotonic()
    with opened() as (url, store, host, browser):
        watched = Watched({urlsplit(url).netloc, urlsplit(host.url).netloc})
        host_page(browser, watched, host, payloads)
        widget(browser, watched, store, host, payloads)
        desk(browser, watched, store, url, payloads)
    result = {
        "payloads": len(payloads),
        "shown": dict(watched.shown),
        "executed": len(watched.ran),
        "requests_to_other_hosts": len(watched.foreign),
        "dangerous_elements": len(watched.dangerous),
        "examples": (watched.ran + watched.foreign + watched.dangerous)[:5],
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(result, indent=2, ensure_ascii=False))
    raise SystemExit(bool(watched.ran or watched.foreign or watched.dangerous))


if __name__ == "__main__":
    main()
