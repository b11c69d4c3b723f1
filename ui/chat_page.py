"""The web chat at `/`: a Gradio page of one HTML component, its style, and its events.

Knows how a page is made and mounted; what it asks of the server is in ui/chat_calls.py.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from fastapi import FastAPI

from assistant.settings import Settings
from ui import accent
from ui.api import Services
from ui.chat_calls import ChatCalls
from ui.chat_wire import Json, problem_json
from ui.limits import address_key
from ui.page_head import PageHead
from ui.suggestions import Examples
from ui.words import ENGLISH, WORDS

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    "chat_state.js",
    "nodes.js",
    "chat_text.js",
    "chat_frame.js",
    "chat_person.js",
    "chat_rows.js",
    "chat_turn.js",
    "chat_start.js",
)
STYLES = ("chat_base.css", "chat_rows.css", "chat_frame.css")
SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei")
MOST_WAITING = 512  # events Gradio may hold back; far more than the gate admits

Answer = Callable[[Json, str], Awaitable[Json]]


def build_chat(services: Services) -> gr.Blocks:
    """The page. Nobody's conversation is held in it: each call brings its id and secret token."""
    # Otherwise Gradio sums up its queue with pandas after every event, for a monitoring page that is switched off.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    calls = ChatCalls(services, Examples(services.assistant.retriever))
    settings = services.assistant.settings

    async def send(event: gr.EventData, request: gr.Request) -> AsyncGenerator[Json]:
        asked = event._data if isinstance(event._data, dict) else {}
        async with aclosing(calls.send(asked, _address(request))) as snapshots:
            async for snapshot in snapshots:
                yield asdict(snapshot)

    page: gr.Blocks = gr.Blocks(title=settings.company, analytics_enabled=False, fill_width=True)
    with page:
        chat: Any = gr.HTML(
            html_template="",
            js_on_load=_static(SCRIPTS),
            apply_default_css=False,
            server_functions=[
                _answering(answer)
                for answer in (calls.open, calls.begin, calls.rate, calls.news, calls.ask_person, calls.source)
            ],
            words={code: asdict(words) for code, words in WORDS.items()},
            company=settings.company,
            longest=settings.max_message_chars,
            person_hours=settings.person_reply_hours,
        )
        turn = chat.send(
            send,
            outputs=chat,
            show_progress="hidden",
            trigger_mode="multiple",
            concurrency_limit=None,
            api_visibility="private",
        )
        chat.stop(None, cancels=[turn], show_progress="hidden", api_visibility="private")
    page.queue(max_size=MOST_WAITING, api_open=False)
    return page


def mount_chat(app: FastAPI, services: Services) -> FastAPI:
    """`app` with the chat at `/`; to be called after all other routes are in place."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_chat(services),
        path="/",
        theme=gr.themes.Base(font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=1,
    )
    mounted.add_middleware(PageHead, head=head(services.assistant.settings))
    return mounted


def head(settings: Settings) -> str:
    """Title, link preview, icon and style. Not Gradio's `css`, which loses `:root` within media queries."""
    light, dark = accent.light(settings.accent_color), accent.dark(settings.accent_color)
    company = escape(settings.company)
    return f"""
        <title>{company}</title>
        <meta property="og:title" content="{company}">
        <meta property="og:type" content="website">
        <meta name="description" property="og:description" content="{escape(ENGLISH.invitation)}">
        <link rel="icon" href="data:image/svg+xml,{quote(_icon(settings.company, light))}">
        <style>
        :root {{ --accent: {light.color}; --on-accent: {light.on_color}; }}
        @media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark.color}; --on-accent: {dark.on_color}; }} }}
        {_static(STYLES)}
        </style>
    """


def _static(names: Sequence[str]) -> str:
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def _icon(company: str, colors: accent.Accent) -> str:
    text = f"font-family='sans-serif' font-size='18' font-weight='600' text-anchor='middle' fill='{colors.on_color}'"
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        f"<rect width='32' height='32' rx='9' fill='{colors.color}'/>"
        f"<text x='16' y='22' {text}>{escape(company[:1])}</text></svg>"
    )


def _answering(answer: Answer) -> Callable[[Json, gr.Request], Awaitable[Json]]:
    """`answer` as Gradio calls it from the page; failures become words instead of a bare 500."""

    async def function(asked: Any, request: gr.Request) -> Json:
        try:
            return await answer(asked if isinstance(asked, dict) else {}, _address(request))
        except Exception as error:
            return {"problem": problem_json(error)}

    function.__name__ = answer.__name__
    return function


def _address(request: gr.Request) -> str:
    client = request.client
    return address_key(client.host if client else None)
