"""ASGI layers around the whole application: host names, security headers, incidents.

Pure ASGI, so that a client's disconnect still reaches the application; knows nothing of routes but two paths.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.identity import is_loopback, on_loopback
from ui.problems import Problem, problem_of

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Gradio sets styles from scripts and evaluates the `js=` of its events; scripts in the page carry our nonce.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; "
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_INLINE_SCRIPT = re.compile(rb"<script(?=[\s>])", re.IGNORECASE)
PROBES = ("/healthz", "/readyz")  # orchestrators ask by address, and the answers tell nothing


class Incidents:
    """Turns an exception nobody expected into a 500 with an incident id; the traceback goes to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; after the response began nothing can be said any more and the connection is cut."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            problem = problem_of(error)
            if not started:
                await problem.response()(scope, receive, send)


class Hosts:
    """Refuses host names that are not ours: a foreign page must not reach a local server by DNS rebinding."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or answer 400."""
        if scope["type"] == "lifespan" or scope.get("path") in PROBES or self._ours(scope):
            await self._app(scope, receive, send)
            return
        problem = Problem(400, "bad_host", "This server does not go by that name; see the setting allowed_hosts.")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await problem.response()(scope, receive, send)

    def _ours(self, scope: Scope) -> bool:
        name = _host_name(Headers(scope=scope).get("host", ""))
        if is_loopback(name) or name in self._allowed:
            return True
        return not self._allowed and not on_loopback(scope)


def _host_name(host: str) -> str:
    """The name in a Host header, without port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".").lower()


class SecurityHeaders:
    """Adds the security headers; HTML pages get a nonce for their own scripts, all else may load nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a `send` that completes the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page: _Page | None = None

        async def guarded(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if _may_be_framed(headers):
                    del headers["X-Frame-Options"]  # it cannot name origins; the policy does
                if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
                    page = _Page(message)
                    return
                headers.setdefault("Content-Security-Policy", DATA_POLICY)
                if headers.get("content-type", "").startswith("application/json"):
                    headers.setdefault("Cache-Control", "no-store")  # conversations and tokens
            if page is None:
                await send(message)
            else:
                await page.add(message, send)

        await self._app(scope, receive, guarded)


def _may_be_framed(headers: MutableHeaders) -> bool:
    """True when the response's own policy names who may frame it."""
    policy = headers.get("Content-Security-Policy", "")
    return "frame-ancestors" in policy and "frame-ancestors 'none'" not in policy


class _Page:
    """An HTML response held back until it is whole, then sent with a nonce on every script tag it came with."""

    def __init__(self, start: Message) -> None:
        self._start, self._body = start, b""

    async def add(self, message: Message, send: Send) -> None:
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        nonce = secrets.token_urlsafe(16)
        body = _INLINE_SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), self._body)
        headers = MutableHeaders(scope=self._start)
        headers.setdefault("Content-Security-Policy", PAGE_POLICY.format(nonce=nonce))
        if "content-length" in headers and self._body:
            headers["content-length"] = str(len(body))
        await send(self._start)
        await send({"type": "http.response.body", "body": body, "more_body": False})
