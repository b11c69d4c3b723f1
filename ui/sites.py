"""Which pages may talk to us: site keys, the origins of each site, and the CORS answers that follow from them.

Knows origins and headers; what is stored of a site is in assistant/store_sites.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant import store_sites
from assistant.errors import Forbidden, NotFound
from assistant.store import Store
from assistant.store_sites import Site

REMEMBERED_SECONDS = 2.0  # how long the answer to "is this any site's origin?" is kept
API = "/api/v1/"
METHODS = ("GET", "POST")
REQUEST_HEADERS = ("Authorization", "Content-Type", "Last-Event-ID")
PREFLIGHT_SECONDS = 300


class Sites:
    """The sites of the store, as one server process asks for them. `always` may call without any site."""

    def __init__(self, store: Store, always: Collection[str] = ()) -> None:
        self._store, self._always = store, frozenset(always)
        self._origins: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    async def get(self, key: str) -> Site:
        """The site of a key; raises Forbidden, which tells a guesser nothing more."""
        try:
            return await asyncio.to_thread(store_sites.site, self._store, key)
        except NotFound:
            raise Forbidden("no such site key; see: assistant sites list") from None

    async def admit(self, headers: Headers, key: str | None) -> None:
        """Raises Forbidden unless the page that calls may use the site `key`, or may call without a site.

        Calls without an Origin come from programs, and pages of this server itself may always call.
        """
        site = await self.get(key) if key is not None else None
        origin = headers.get("origin")
        if origin is None or is_own(origin, headers):
            return
        if origin not in (site.origins if site else self._always):
            where = f"of site {key}" if site else "of cors_origins, and no site_key was sent"
            raise Forbidden(f"origin {origin[:200]!r} is not one {where}")

    async def is_known(self, origin: str) -> bool:
        """True for an origin of any site; the list may be REMEMBERED_SECONDS old."""
        if time.monotonic() - self._read_at > REMEMBERED_SECONDS:
            found = await asyncio.to_thread(store_sites.sites, self._store)
            self._origins = frozenset(o for site in found for o in site.origins)
            self._read_at = time.monotonic()
        return origin in self._origins


class SiteCors:
    """Answers browsers on pages of a site: they may call the API, and nothing else, without cookies.

    Which site's conversations a page may touch is checked by the routes, with `Sites.admit`.
    """

    def __init__(self, app: ASGIApp, sites: Sites) -> None:
        self._app, self._sites = app, sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, through a CORSMiddleware of this one origin if it is a site's."""
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(API):
            origin = Headers(scope=scope).get("origin")
            if origin is not None and await self._sites.is_known(origin):
                app = CORSMiddleware(
                    app,
                    allow_origins=(origin,),
                    allow_methods=METHODS,
                    allow_headers=REQUEST_HEADERS,
                    expose_headers=("Retry-After",),
                    max_age=PREFLIGHT_SECONDS,
                )
        await app(scope, receive, send)


def is_own(origin: str, headers: Headers) -> bool:
    """True for pages of this server: the browser names the host that the request went to."""
    host = headers.get("host", "")
    try:
        parts = urlsplit(origin)
        return bool(host) and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
    except ValueError:
        return False
