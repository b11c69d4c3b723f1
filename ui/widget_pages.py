"""Serves the widget: its one script, the page inside the iframe variant, and a demo page that documents it.

The script is put together once per process from ui/widget/; knows nothing of conversations.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from assistant.errors import Forbidden
from assistant.settings import Settings
from ui.api import Served
from ui.widget_words import widget_words

HERE = Path(__file__).parent
FOLDER = HERE / "widget"
PARTS = (
    FOLDER / "base.js",
    HERE / "static" / "nodes.js",
    HERE / "static" / "chat_text.js",
    *(FOLDER / f"{name}.js" for name in ("wire", "talk", "rows", "composer", "panel", "waiting", "frame", "main")),
)
CACHE = "public, max-age=300, stale-while-revalidate=86400"
DEMO_FILES = {"demo.css": "text/css", "demo.js": "text/javascript"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {ancestors}"
)
FRAME_OPTIONS = ("locale", "theme", "accent", "position", "title", "greeting", "launcher", "open", "dir")

router = APIRouter(tags=["widget"])


@dataclass(frozen=True, slots=True)
class Script:
    """The widget as one script, as it is and compressed, with its entity tag."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, settings: Settings) -> Script:
        """With this company's name, colour and limits in it."""
        config = {
            "company": settings.company,
            "accent": settings.accent_color,
            "longest": settings.max_message_chars,
            "personHours": settings.person_reply_hours,
            "words": widget_words(),
        }
        css = (FOLDER / "widget.css").read_text(encoding="utf-8")
        parts = [part.read_text(encoding="utf-8") for part in PARTS]
        head = [f"const CONFIG = {_literal(config)};", f"const CSS = {_literal(css)};"]
        text = "\n".join(['(() => {\n"use strict";', *head, *parts, "})();\n"])
        plain = text.encode()
        return cls(plain, gzip.compress(plain, 9, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


def _literal(value: object) -> str:
    """A JavaScript literal; its two line separators were not always allowed in strings."""
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@router.get("/widget.js")
async def script(request: Request) -> Response:
    """The widget. Any page may load it; what it may then do depends on the page's origin and site key."""
    found: Script = request.app.state.widget
    headers = {
        "Cache-Control": CACHE,
        "ETag": found.tag,
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packed else found.plain, media_type="text/javascript", headers=headers)


@router.get("/widget/demo", include_in_schema=False)
async def demo() -> Response:
    """A page with the widget on it, and how to use it."""
    return FileResponse(
        FOLDER / "demo.html", headers={"Content-Security-Policy": PAGE_POLICY.format(ancestors="'none'")}
    )


@router.get("/widget/demo.{kind}", include_in_schema=False)
async def demo_file(kind: str) -> Response:
    """What the demo page loads."""
    name = f"demo.{kind}"
    if name not in DEMO_FILES:
        return Response(status_code=404)
    return FileResponse(FOLDER / name, media_type=DEMO_FILES[name], headers={"Cache-Control": CACHE})


@router.get("/widget/frame", include_in_schema=False)
async def frame(
    request: Request,
    served: Served,
    site_key: Annotated[str, Query(max_length=200)],
    parent: Annotated[str, Query(max_length=300)],
) -> Response:
    """The inside of the iframe variant; only the site's own list of origins may frame it, and a blank list nobody."""
    site = await served.sites.get(site_key)
    if parent not in site.frame_origins:
        raise Forbidden(f"origin {parent[:200]!r} may not frame site {site_key}; see: assistant sites add")
    given = {name: request.query_params[name] for name in FRAME_OPTIONS if name in request.query_params}
    data = {"site-key": site_key, "parent": parent, "mode": "frame"} | given
    attributes = " ".join(f'data-{name}="{escape(value[:300])}"' for name, value in data.items())
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Chat</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f'<body><script src="/widget.js" {attributes}></script></body></html>'
    )
    ancestors = " ".join(site.frame_origins)
    headers = {"Content-Security-Policy": PAGE_POLICY.format(ancestors=ancestors), "Cache-Control": "no-store"}
    return Response(page, media_type="text/html", headers=headers)
