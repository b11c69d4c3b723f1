"""A shop's pages on an origin of their own, with a strict Content-Security-Policy, that carry the widget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
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

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = {
                "/": ("text/html; charset=utf-8", pages[0].html()),
                "/shop.css": ("text/css", SHOP_CSS),
                "/queue.js": ("text/javascript", pages[0].queue),
            }.get(self.path.partition("?")[0], ("text/plain", ""))
            data = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", STRICT.format(server=server))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        pages.append(HostPages(f"http://{name}:{http.server_port}", server))
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield pages[0]
        finally:
            http.shutdown()
            thread.join(5)
