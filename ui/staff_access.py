"""Who of the staff is calling: the session cookie, same-origin checks, and what a role may do.

Every staff route and the desk itself ask here; knows nothing of pages. The database decides at each call, so that a
disabled person is out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import Headers

from assistant.errors import Forbidden, Unauthorized
from assistant.store import Store
from assistant.store_staff import Staff, logged_in
from ui.api import Services, services

COOKIE = "assistant_staff"
SAFE = ("GET", "HEAD")


def session_token(cookies: Mapping[str, str]) -> str:
    """The session's token; raises Unauthorized when there is none."""
    token = cookies.get(COOKIE, "")
    if not token or len(token) > 200:
        raise Unauthorized("please log in to the desk")
    return token


async def staff_of(store: Store, cookies: Mapping[str, str]) -> Staff:
    """The member of staff who is logged in; raises Unauthorized."""
    return await asyncio.to_thread(logged_in, store, session_token(cookies))


def refuse_other_sites(method: str, headers: Headers) -> None:
    """Raises Forbidden for a change that another site's page asks for; the cookie is SameSite=Strict besides."""
    if method in SAFE:
        return
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this can only be done from the desk's own page")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise Forbidden("this can only be done from the desk's own page")


async def current_staff(request: Request, served: Annotated[Services, Depends(services)]) -> Staff:
    """Whoever is logged in, of any role."""
    refuse_other_sites(request.method, request.headers)
    return await staff_of(served.assistant.store, request.cookies)


async def current_admin(staff: Annotated[Staff, Depends(current_staff)]) -> Staff:
    """Whoever is logged in, if an admin."""
    if staff.role != "admin":
        raise Forbidden("only an admin may do this")
    return staff


Agent = Annotated[Staff, Depends(current_staff)]
Admin = Annotated[Staff, Depends(current_admin)]
