"""The desk at `/desk/`: a Gradio page with one tab for each of inbox, review, training and insights, for staff only.

Knows how the page is put together, guarded and mounted; what it shows comes from /api/v1/staff and the tabs' modules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.errors import AssistantError, Forbidden, NotFound
from assistant.settings import Settings
from ui import accent
from ui.api import Services
from ui.chat_page import MOST_WAITING, SYSTEM_FONTS
from ui.desk.insights_page import build_charts
from ui.desk_words import DESK_WORDS, ENGLISH
from ui.page_head import PageHead
from ui.problems import problem_of
from ui.staff_access import refuse_other_sites, staff_of

TAB_WORDS = {
    code: {name: words[name] for name in ("inbox", "review", "training", "insights")}
    for code, words in DESK_WORDS.items()
}
TABS = gr.I18n(**TAB_WORDS, **{"zh-CN": TAB_WORDS["zh"], "zh-TW": TAB_WORDS["zh"]})  # Gradio knows Chinese by region

STATIC = Path(__file__).parents[1] / "static"
COMMON = ("desk_common.js", "nodes.js", "chat_text.js")
# What the page asks Gradio for; uploads, files and Gradio's other services stay closed.
DESK_PATHS = re.compile(
    r"/desk/($|assets/|static/|theme\.css$|favicon\.ico$|manifest\.json$|config/?$"
    r"|gradio_api/(queue/(join|data)/?$|cancel$|heartbeat/|startup-events$|app_id$|theme\.css$))"
)


class DeskGuard:
    """Lets staff in, sends everybody else's browser to the login page, and closes what the desk does not need."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        connection = HTTPConnection(scope)
        try:
            if not DESK_PATHS.match(scope["path"]):
                raise NotFound("there is nothing at this path")
            refuse_other_sites(scope["method"], connection.headers)
            await staff_of(self._services.assistant.store, connection.cookies)
        except (Forbidden, NotFound) as error:
            await problem_of(error).response()(scope, receive, send)
        except AssistantError as error:
            page = scope["method"] == "GET" and scope["path"] == "/desk/"
            answer = RedirectResponse("/desk/login", 303) if page else problem_of(error).response()
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def build_desk(services: Services) -> gr.Blocks:
    """The page."""
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    company = services.assistant.settings.company
    page: gr.Blocks = gr.Blocks(title=f"{ENGLISH['desk']} · {company}", analytics_enabled=False, fill_width=True)
    with page:
        _part(("desk_header.js",), company)
        with gr.Tabs():
            with gr.Tab(TABS("inbox"), id="inbox"):
                _part(("desk_inbox.js", "desk_talk.js", "desk_side.js", "desk_start_inbox.js"), company)
            with gr.Tab(TABS("review"), id="review"):
                _part(("desk_review.js",), company)
            with gr.Tab(TABS("training"), id="training"):
                _part(("desk_story.js", "desk_training.js"), company)
            with gr.Tab(TABS("insights"), id="insights") as insights:
                build_charts(services.assistant.store, insights)
                _part(("desk_gaps.js",), company)
    page.queue(max_size=MOST_WAITING, api_open=False)
    return page


def mount_desk(app: FastAPI, services: Services) -> None:
    """Put the desk at `/desk/`; to be called before whatever answers for unknown paths."""
    gr.mount_gradio_app(
        app,
        build_desk(services),
        path="/desk",
        i18n=TABS,
        theme=gr.themes.Base(font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=1,
    )
    mounted = app.router.routes[-1]
    assert isinstance(mounted, Mount)
    mounted.app = DeskGuard(PageHead(mounted.app, head(services.assistant.settings), "/desk/"), services)


def head(settings: Settings) -> str:
    """Title, icon and style."""
    light, dark = accent.light(settings.accent_color), accent.dark(settings.accent_color)
    icon = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        f"<rect width='32' height='32' rx='9' fill='{light.color}'/></svg>"
    )
    return f"""
        <title>{escape(ENGLISH["desk"])} · {escape(settings.company)}</title>
        <link rel="icon" href="data:image/svg+xml,{quote(icon)}">
        <style>
        :root {{ --accent: {light.color}; --on-accent: {light.on_color}; }}
        @media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark.color}; --on-accent: {dark.on_color}; }} }}
        {_static(("desk.css",))}
        </style>
    """


def _part(scripts: Sequence[str], company: str) -> None:
    gr.HTML(
        html_template="",
        js_on_load=_static((*COMMON, *scripts)),
        apply_default_css=False,
        words=DESK_WORDS,
        company=company,
    )


def _static(names: Sequence[str]) -> str:
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)
