"""Pages on many origins that all carry one site's widget, in a real Chromium: which may, by script and by iframe?

Names under `localhost` all lead to this machine, so that each origin is a real one; `null` is a sandboxed frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from playwright.sync_api import Browser, Page, TimeoutError

from assistant.store import Store
from assistant.store_sites import add_site
from tests.host_pages import page_server

Mode = Literal["script", "iframe", "iframe that lies"]
MODES: tuple[Mode, ...] = ("script", "iframe", "iframe that lies")
OURS = ("shop.localhost", "www.shop.localhost")
THEIRS = ("evil.localhost", "xshop.localhost", "sub.shop.localhost", "shop.localhost.evil.localhost")
SETTLE_MS, SLOW_MS = 1000, 20_000  # for a frame to show nothing or something, once the page asks for nothing more


@dataclass(frozen=True)
class Tried:
    """What became of the widget on a page of this origin."""

    origin: str
    mode: Mode
    allowed: bool
    worked: bool


@dataclass(frozen=True)
class Shops:
    """A server of pages: any name, any mode; under /null/ the page stands in a sandboxed frame, without an origin."""

    port: int
    tags: dict[str, str]

    def html(self, path: str) -> str:
        """The page at a path, `/MODE` or `/null/MODE`."""
        mode = path.rsplit("/", 1)[-1]
        sandboxed = f'<iframe sandbox="allow-scripts" src="/{mode}"></iframe>'
        body = sandboxed if path.startswith("/null/") else self.tags.get(mode, "")
        return f'<!doctype html><html lang="en"><head><title>Shop</title></head><body>{body}</body></html>'


@contextmanager
def shops() -> Iterator[Shops]:
    """Serves pages; which tags they carry is told later."""
    found: list[Shops] = []
    with page_server(lambda path: ("text/html; charset=utf-8", found[0].html(path)), {}) as port:
        found.append(Shops(port, {}))
        yield found[0]


def try_origins(browser: Browser, server: str, store: Store) -> list[Tried]:
    """Eight origins in each mode: two of the site, six that are not, one of them `null`."""
    with shops() as ours, shops() as elsewhere:
        origins = [f"http://{name}:{ours.port}" for name in OURS]
        site = add_site(store, "Shop", origins, origins)
        script = f'<script src="{server}/widget.js" data-site-key="{site.key}"'
        lie = f"{server}/widget/frame?site_key={site.key}&amp;parent={quote(origins[0], safe='')}"
        for pages in (ours, elsewhere):
            pages.tags["script"] = f'{script} data-open="true"></script>'
            pages.tags["iframe"] = f'{script} data-mode="iframe"></script>'
            pages.tags["lie"] = f'<iframe src="{lie}"></iframe>'
        places = [(origin, origin) for origin in origins]
        places += [(f"http://{name}:{ours.port}", f"http://{name}:{ours.port}") for name in THEIRS]
        places += [(f"http://shop.localhost:{elsewhere.port}",) * 2, ("null", f"{origins[0]}/null")]
        return [
            Tried(origin, mode, origin in origins, _works(browser, base, mode, origin in origins))
            for mode in MODES
            for origin, base in places
        ]


def _works(browser: Browser, base: str, mode: Mode, allowed: bool) -> bool:
    with browser.new_context() as window:
        page = window.new_page()
        page.goto(f"{base}/{'lie' if mode == 'iframe that lies' else mode}", wait_until="networkidle")
        return _answered(page) if mode == "script" else _shown(page, SLOW_MS if allowed else SETTLE_MS)


def _answered(page: Page) -> bool:
    """Whether a question asked there is answered; a page that may not is told so in words."""
    frame = page.frames[-1]
    frame.fill(".box textarea", "hi")
    frame.press(".box textarea", "Enter")
    frame.wait_for_selector(".row.assistant:not([aria-busy]), .row.customer .after", timeout=SLOW_MS)
    return frame.locator(".row.assistant:not([aria-busy])").count() == 1


def _shown(page: Page, patience: int) -> bool:
    """Whether the widget's button can be pressed in any frame of the page."""
    for frame in page.frames[1:]:
        try:
            frame.click(".launcher", timeout=patience)
        except TimeoutError:
            continue
        return frame.locator(".panel").is_visible()
    return False
