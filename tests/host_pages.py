"""A shop's pages on an origin of their own, with a strict Content-Security-Policy, that carry the widget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STRICT = (
    "default-src 'none'; script-src {server} 'self'; connect-src {server}; frame-src {server}; style-src 'self'; "
    "require-trusted-types-for 'script'"
)


@dataclass
class HostPages:
    """Where the shop is, and the attributes of its script tag."""

    url: str
    server: str
    attributes: dict[str, str] = field(default_factory=dict)
    language: str = "en"
    direction: str = "ltr"
    queue: str = ""  # a script of the shop that runs before the widget arrives

    def html(self) -> str:
        data = " ".join(f'data-{name}="{escape(value)}"' for name, value in self.attributes.items())
        return (
            f'<!doctype html><html lang="{self.language}" dir="{self.direction}"><head><title>Shop</title>'
            '<link rel="stylesheet" href="/shop.css"><script src="/queue.js"></script></head>'
            "<body><main><h1>A shop</h1><p>It sells lamps.</p><button>Buy</button></main>"
            f'<script src="{self.server}/widget.js" {data} async></script></body></html>'
        )


# A shop whose style would spoil everything that it could reach.
SHOP_CSS = "* { color: rgb(255, 0, 0); font-size: 40px } button { display: none !important } div { position: static }"


@contextmanager
def host_pages(server: str, name: str = "localhost") -> Iterator[HostPages]:
    """Serve a shop's page; `server` is the assistant's address."""
    pages: list[HostPages] = []

    def page(path: str) -> tuple[str, str]:
        return {
            "/": ("text/html; charset=utf-8", pages[0].html()),
            "/shop.css": ("text/css", SHOP_CSS),
            "/queue.js": ("text/javascript", pages[0].queue),
        }.get(path.partition("?")[0], ("text/plain", ""))

    with page_server(page, {"Content-Security-Policy": STRICT.format(server=server)}) as port:
        pages.append(HostPages(f"http://{name}:{port}", server))
        yield pages[0]


@contextmanager
def page_server(page: Callable[[str], tuple[str, str]], headers: Mapping[str, str]) -> Iterator[int]:
    """Serve what `page` gives for a path, a content type and a text; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = page(self.path)
            data = body.encode()
            self.send_response(200)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield http.server_port
        finally:
            http.shutdown()
            thread.join(5)
