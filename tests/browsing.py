"""A real Chromium that tells everything it asks the network for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, sync_playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium: the file `CHROMIUM` names, or Debian's."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: install Debian's package chromium or set CHROMIUM to its program")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


# Seen from inside the page: from outside, an answer of a few tenths of a second is over before the first look.
_WATCH = """() => {
  window.seen = {dots: false, lengths: []};
  new MutationObserver(() => {
    window.seen.dots ||= document.querySelector(".dots") !== null;
    const text = document.querySelector(".row.pending .text p");
    if (text) window.seen.lengths.push(text.parentElement.innerText.length);
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


@dataclass
class Visit:
    """One browser window with a memory of its own, on the chat page."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def refuse(self, dialog: Dialog) -> None:
        """Note and close a dialog that a script has opened."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self) -> None:
        """Go to the page and wait until it can be used."""
        self.page.goto(self.url)
        self.page.wait_for_selector(".welcome, .row")

    def ask(self, text: str) -> None:
        """Type and send, without waiting for the answer."""
        self.page.fill(".box textarea", text)
        self.page.keyboard.press("Enter")

    def watch(self) -> None:
        """From now on note typing dots and how the text of the answer under way grows."""
        self.page.evaluate(_WATCH)

    def seen(self) -> dict[str, Any]:
        """`dots`: whether they showed; `lengths`: of the pending answer, at each change."""
        noted: dict[str, Any] = self.page.evaluate("() => window.seen")
        return noted

    def answer(self, number: int = 1, seconds: float = 20) -> Locator:
        """Wait for the `number`th finished answer."""
        row = self.page.locator(".row.assistant:not(.pending):not(.partial)").nth(number - 1)
        row.wait_for(timeout=seconds * 1000)
        return row

    def foreign(self) -> list[str]:
        """Requests that left for another host."""
        return [url for url in self.requests if urlsplit(url).netloc not in (urlsplit(self.url).netloc, "")]


@contextmanager
def visiting(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    """A fresh visitor; the test fails when the page has had a fault or asked another host for something."""
    with browser.new_context(**context) as visitor:
        visit = Visit(visitor.new_page(), url)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("dialog", visit.refuse)
        visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
        yield visit
        assert visit.faults == []
        assert visit.dialogs == []
        assert visit.foreign() == []
