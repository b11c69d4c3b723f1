"""Puts our head into the HTML page at `/`, in place of the link preview that is in Gradio's template.

Pure ASGI; knows one path and the shape of Gradio's page, nothing of what is in the head.
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREVIEW = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')
_END = b"</head>"


class PageHead:
    """Replaces the preview and adds `head` at the end of the page's head."""

    def __init__(self, app: ASGIApp, head: str, path: str = "/") -> None:
        self._app, self._head, self._path = app, head.encode(), path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; only a GET of the page's path that is answered with HTML is changed."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await self._send(start, body, send)

        await self._app(scope, receive, changed)

    async def _send(self, start: Message, body: bytes, send: Send) -> None:
        before, end, after = _PREVIEW.sub(b"", body).partition(_END)
        whole = before + self._head + end + after
        MutableHeaders(scope=start)["content-length"] = str(len(whole))
        await send(start)
        await send({"type": "http.response.body", "body": whole})


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
