"""The way into the desk: a plain HTML form, a cookie that scripts cannot read, and the way out.

Knows forms and cookies; passwords and sessions are in assistant/store_staff.py.
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assistant.errors import TooManyRequests, Unauthorized
from assistant.settings import Settings
from assistant.store_staff import SESSION_HOURS, log_in, log_out
from ui import accent
from ui.api import Address, Served
from ui.desk_words import DESK_WORDS, language_of_browser
from ui.limits import RateLimit
from ui.staff_access import COOKIE, refuse_other_sites

HASHING = 2  # passwords hashed at the same time; each takes 32 MB
PER_MINUTE = 10  # attempts of an address, and for a name


class Door:
    """Bounds attempts to log in; one per application."""

    def __init__(self) -> None:
        self.addresses = RateLimit("log-ins from your address", PER_MINUTE)
        self.names = RateLimit("log-ins under this name", PER_MINUTE)
        self.hashing = asyncio.Semaphore(HASHING)


def door(request: Request) -> Door:
    """The door of this application."""
    found: Door = request.app.state.door
    return found


router = APIRouter(include_in_schema=False)


@router.get("/desk")
async def desk() -> Response:
    """The desk itself is at /desk/."""
    return RedirectResponse("/desk/", 303)


@router.get("/desk/login")
async def form(request: Request, served: Served) -> Response:
    """The form."""
    return _page(request, served.assistant.settings)


@router.post("/desk/login")
async def enter(request: Request, served: Served, address: Address, at: Annotated[Door, Depends(door)]) -> Response:
    """Check name and password; on success set the cookie and go to the desk."""
    refuse_other_sites(request.method, request.headers)
    settings = served.assistant.settings
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    name, password = fields.get("name", [""])[0].strip(), fields.get("password", [""])[0]
    try:
        at.addresses.take(address)
        at.names.take(name[:100])
        async with at.hashing:
            token, _ = await asyncio.to_thread(log_in, served.assistant.store, name, password)
    except Unauthorized:
        return _page(request, settings, "wrong_login", 401)
    except TooManyRequests as error:
        answer = _page(request, settings, "too_many_logins", 429)
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    answer = RedirectResponse("/desk/", 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=SESSION_HOURS * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/desk/logout")
async def leave(request: Request, served: Served) -> Response:
    """End the session."""
    refuse_other_sites(request.method, request.headers)
    if token := request.cookies.get(COOKIE):
        await asyncio.to_thread(log_out, served.assistant.store, token)
    answer = RedirectResponse("/desk/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _page(request: Request, settings: Settings, problem: str | None = None, status: int = 200) -> Response:
    language = language_of_browser(request.headers.get("accept-language", ""))
    words = DESK_WORDS[language]
    light, dark = accent.light(settings.accent_color), accent.dark(settings.accent_color)
    told = f'<p class="problem" role="alert">{escape(words[problem])}</p>' if problem else ""
    html = _FORM.format(
        language="zh-Hans" if language == "zh" else language,
        company=escape(settings.company),
        initial=escape(settings.company[:1]),
        light=light.color,
        on_light=light.on_color,
        dark=dark.color,
        on_dark=dark.on_color,
        told=told,
        **{key: escape(words[key]) for key in ("desk", "name", "password", "log_in")},
    )
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})


_FORM = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{desk} · {company}</title>
<link rel="icon" href="data:,">
<style>
:root {{ --accent: {light}; --on: {on_light}; --paper: #fbfbf9; --card: #fff; --ink: #1c1f1e; --soft: #5c6462;
  --line: #c9ccc5; --bad: #a32a24; color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; --on: {on_dark}; --paper: #151717; --card: #1d2020;
  --ink: #eceeec; --soft: #a3aba8; --line: #4a504e; --bad: #f0918a; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px; background: var(--paper);
  color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", sans-serif; }}
main {{ width: 100%; max-width: 360px; padding: 32px; border: 1px solid var(--line); border-radius: 16px;
  background: var(--card); }}
.mark {{ width: 44px; height: 44px; border-radius: 12px; background: var(--accent); color: var(--on); display: grid;
  place-items: center; font-weight: 650; font-size: 20px; }}
h1 {{ font-size: 22px; margin: 16px 0 0; }}
p {{ margin: 0; color: var(--soft); }}
.problem {{ color: var(--bad); margin-top: 16px; }}
label {{ display: block; margin-top: 18px; font-weight: 550; }}
input {{ width: 100%; margin-top: 6px; padding: 10px 12px; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: 10px; }}
button {{ width: 100%; margin-top: 24px; padding: 11px; font: inherit; font-weight: 600; border: 0;
  border-radius: 10px; background: var(--accent); color: var(--on); cursor: pointer; }}
:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
</style>
</head>
<body>
<main>
<div class="mark" aria-hidden="true">{initial}</div>
<h1>{desk}</h1>
<p>{company}</p>
{told}
<form method="post" action="/desk/login">
<label>{name}<input name="name" autocomplete="username" required autofocus maxlength="60"></label>
<label>{password}
<input name="password" type="password" autocomplete="current-password" required maxlength="200"></label>
<button>{log_in}</button>
</form>
</main>
</body>
</html>
"""
