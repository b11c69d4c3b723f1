"""A shop with the widget on its pages and visitors who use it; knows nothing of what is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page

from assistant.store import Store
from assistant.store_sites import Site, add_site
from tests.chatting import chat_site
from tests.host_pages import HostPages, host_pages
from tests.web import EndlessEngine

GOOD = "You can **return** lamps within 30 days."
QUESTION = "How long may I return a lamp?"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Shop:
    """The server, its store, the shop's site and the shop's pages."""

    server: str
    store: Store
    site: Site
    host: HostPages
    engine: EndlessEngine


@contextmanager
def shop_of(home: Path, engine: EndlessEngine | None = None, **settings: Any) -> Iterator[Shop]:
    engine = engine or EndlessEngine(GOOD, pause=0.05)
    with chat_site(home, engine, **settings) as (url, store), host_pages(url) as host:
        site = add_site(store, "Shop", [host.url], [host.url])
        host.attributes = {"site-key": site.key}
        yield Shop(url, store, site, host, engine)


class Visitor:
    """One browser window on the shop's page; what must not happen there is noted."""

    def __init__(self, page: Page, shop: Shop) -> None:
        self.page, self.shop = page, shop
        self.hosts: set[str] = set()
        self.faults: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._console)

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(dialog.message)
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            self.faults.append(message.text)

    def visit(self, open: bool = True) -> None:
        self.page.goto(self.shop.host.url)
        self.page.wait_for_selector(".launcher", state="attached")
        if open and not self.page.locator(".panel").is_visible():
            self.page.click(".launcher")

    def ask(self, text: str = QUESTION) -> None:
        self.page.fill(".box textarea", text)
        self.page.keyboard.press("Enter")

    def answer(self, number: int = 1, seconds: float = 20) -> Locator:
        row = self.page.locator(".row.assistant:not([aria-busy])").nth(number - 1)
        row.wait_for(timeout=seconds * 1000)
        return row


@contextmanager
def visitor(browser: Browser, shop: Shop, **context: Any) -> Iterator[Visitor]:
    with browser.new_context(**context) as window:
        found = Visitor(window.new_page(), shop)
        yield found
        assert found.faults == []
        assert found.hosts <= {urlsplit(shop.host.url).netloc, urlsplit(shop.server).netloc}


def authors(shop: Shop) -> list[str]:
    return [m.author for m in shop.store.messages(shop.store.find_conversations()[0].id)]


def assert_harmless(page: Page, where: str) -> None:
    """No element that loads or runs, no handler, no link but to the web and to mail."""
    assert page.locator(where).locator(":is(img, script, iframe, style, link, object, embed, input)").count() == 0
    names = page.locator(f"{where} *").evaluate_all("nodes => nodes.flatMap(node => node.getAttributeNames())")
    assert [name for name in names if name.startswith("on") or name in ("src", "srcdoc", "style")] == []
    targets = page.locator(f"{where} a").evaluate_all("nodes => nodes.map(node => node.protocol)")
    assert set(targets) <= {"http:", "https:", "mailto:"}


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong within the widget."""
    found = Axe().run(page, context="assistant-widget", options=WCAG)
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found.response["violations"] for node in rule["nodes"]]
